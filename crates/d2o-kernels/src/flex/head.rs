//! [`token_log_probs`](crate::token_log_probs) with its backward.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Int, Tensor};

use super::{FlexTensor, contiguous, slice, tensor};
use crate::cpu::head::{Head, HeadLayout, Scored, Wanted};
use crate::cpu::level::Level;

/// What stands beside the tensors.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    layout: HeadLayout,
    targets: Arc<Vec<usize>>,
    chunk: usize,
    wanted: Wanted,
}

impl Plan {
    fn head<'a>(&'a self, hidden: &'a FlexTensor, weights: &'a FlexTensor) -> Head<'a> {
        Head {
            level: Level::best(),
            hidden: slice(hidden),
            weights: slice(weights),
            layout: self.layout,
            targets: &self.targets,
            chunk: self.chunk,
        }
    }
}

pub(crate) fn token_log_probs(
    hidden: Tensor<2>,
    weights: Tensor<2>,
    layout: HeadLayout,
    targets: Tensor<1, Int>,
    chunk: usize,
) -> Tensor<1> {
    let wanted = Wanted { hidden: hidden.is_tracked(), weights: weights.is_tracked() };
    let plan = Plan { layout, targets: Arc::new(indices(targets)), chunk, wanted };
    Tensor::from_dispatch(<Dispatch as HeadOp>::token_log_probs(hidden.into_dispatch(), weights.into_dispatch(), plan))
}

/// Indices as they lie in memory: nothing is brought from anywhere.
fn indices(targets: Tensor<1, Int>) -> Vec<usize> {
    let targets = targets.without_autodiff().try_into_primitive::<Flex>().expect("targets beside the hidden states");
    let targets: IntTensor<Flex> = targets.to_contiguous();
    match targets.dtype() {
        DType::I64 => targets.as_slice::<i64>().expect("contiguous").iter().map(|&id| id as usize).collect(),
        DType::I32 => targets.as_slice::<i32>().expect("contiguous").iter().map(|&id| id as usize).collect(),
        other => panic!("targets are i64 or i32, not {other:?}"),
    }
}

/// Routed by the dispatching backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait HeadOp: Backend {
    fn token_log_probs(hidden: FloatTensor<Self>, weights: FloatTensor<Self>, plan: Plan) -> FloatTensor<Self>;
}

impl HeadOp for Flex {
    fn token_log_probs(hidden: FlexTensor, weights: FlexTensor, plan: Plan) -> FlexTensor {
        let (hidden, weights) = (contiguous(hidden), contiguous(weights));
        let scored = plan.head(&hidden, &weights).forward(Wanted { hidden: false, weights: false });
        let rows = scored.log_probs.len();
        tensor(scored.log_probs, [rows])
    }
}

#[derive(Debug)]
struct HeadBackward(Plan);

/// Kept from the forward pass; the hidden states and weights only if the weights' gradient is wanted.
#[derive(Clone, Debug)]
struct State {
    width: usize,
    gradients: Option<Arc<Vec<f32>>>,
    weights: Option<(FlexTensor, FlexTensor)>,
    sums: Arc<Vec<f32>>,
    residual: Option<Arc<Vec<f32>>>,
}

impl Backward<Flex, 2> for HeadBackward {
    type State = State;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let gradient = slice(&gradient);
        let State { width, gradients, weights, sums, residual } = ops.state;
        let [to_hidden, to_weights] = ops.parents;
        if let (Some(node), Some(gradients)) = (to_hidden, gradients) {
            let rows = gradients.chunks_exact(width).zip(gradient);
            let values: Vec<f32> =
                rows.flat_map(|(row, &gradient)| row.iter().map(move |value| value * gradient)).collect();
            grads.register::<Flex>(node.id, tensor(values, [gradient.len(), width]));
        }
        if let (Some(node), Some((hidden, weights))) = (to_weights, weights) {
            let residual = residual.as_ref().map(|residual| residual.as_slice());
            let values = self.0.head(&hidden, &weights).weight_gradient(&sums, residual, gradient);
            grads.register::<Flex>(node.id, tensor(values, weights.shape()));
        }
    }
}

impl<C: CheckpointStrategy> HeadOp for Autodiff<Flex, C> {
    fn token_log_probs(hidden: FloatTensor<Self>, weights: FloatTensor<Self>, plan: Plan) -> FloatTensor<Self> {
        let ((hidden, to_hidden), (weights, to_weights)) = (hidden.into_parts(), weights.into_parts());
        let (hidden, weights) = (contiguous(hidden), contiguous(weights));
        let wanted = plan.wanted;
        let Scored { log_probs, sums, gradients, residual } = plan.head(&hidden, &weights).forward(wanted);
        let rows = log_probs.len();
        let output = tensor(log_probs, [rows]);
        let width = hidden.shape()[1];
        let weights = wanted.weights.then_some((hidden, weights));
        match HeadBackward(plan).prepare::<C>([to_hidden, to_weights]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(State { width, gradients, weights, sums, residual }, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}
