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
use crate::bf16_matrix::{Bf16Matrix, Packed};
use crate::cpu::head::{Head, Products, Residual, Scored, Wanted};
use crate::cpu::level::Level;
use crate::cpu::matrix::WeightLayout;
use crate::weight::{Weight, WeightForm};

/// What stands beside the tensors.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    layout: WeightLayout,
    form: WeightForm,
    targets: Arc<Vec<usize>>,
    chunk: usize,
    wanted: Wanted,
}

impl Plan {
    /// The weights packed for the products that are coming, if these are of bf16.
    fn packed(&self, weights: &FlexTensor, products: Packed) -> Option<Arc<Bf16Matrix>> {
        let WeightForm::Bf16(packed) = &self.form else { return None };
        let fits = |packed: &&Arc<Bf16Matrix>| {
            packed.is_of(slice(weights)) && (products == Packed::Forward || packed.backward().is_some())
        };
        packed.as_ref().filter(fits).cloned().or_else(|| {
            let matrix = self.layout.matrix(slice(weights), weights.shape().dims());
            Some(Arc::new(Bf16Matrix::pack(Level::best(), matrix, products)))
        })
    }

    fn head<'a>(
        &'a self,
        hidden: &'a FlexTensor,
        weights: &'a FlexTensor,
        packed: Option<&'a Arc<Bf16Matrix>>,
    ) -> Head<'a> {
        let level = Level::best();
        Head {
            level,
            hidden: slice(hidden),
            weights: slice(weights),
            layout: self.layout,
            products: match packed {
                Some(packed) => Products::Bf16 { level, forward: packed.forward(), backward: packed.backward() },
                None => Products::F32,
            },
            targets: &self.targets,
            chunk: self.chunk,
        }
    }
}

pub(crate) fn token_log_probs(
    hidden: Tensor<2>,
    weight: Weight<'_>,
    targets: Tensor<1, Int>,
    chunk: usize,
) -> Tensor<1> {
    let Weight { values: weights, layout, form } = weight;
    let wanted = Wanted { hidden: hidden.is_tracked(), weights: weights.is_tracked() };
    let plan = Plan { layout, form: form.clone(), targets: Arc::new(indices(targets)), chunk, wanted };
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
        let packed = plan.packed(&weights, Packed::Forward);
        let scored = plan.head(&hidden, &weights, packed.as_ref()).forward(Wanted { hidden: false, weights: false });
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
    residual: Option<Arc<Residual>>,
    packed: Option<Arc<Bf16Matrix>>,
}

impl Backward<Flex, 2> for HeadBackward {
    type State = State;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let gradient = slice(&gradient);
        let State { width, gradients, weights, sums, residual, packed } = ops.state;
        let [to_hidden, to_weights] = ops.parents;
        if let (Some(node), Some(gradients)) = (to_hidden, gradients) {
            let rows = gradients.chunks_exact(width).zip(gradient);
            let values: Vec<f32> =
                rows.flat_map(|(row, &gradient)| row.iter().map(move |value| value * gradient)).collect();
            grads.register::<Flex>(node.id, tensor(values, [gradient.len(), width]));
        }
        if let (Some(node), Some((hidden, weights))) = (to_weights, weights) {
            let head = self.0.head(&hidden, &weights, packed.as_ref());
            let values = head.weight_gradient(&sums, residual.as_deref(), gradient);
            grads.register::<Flex>(node.id, tensor(values, weights.shape()));
        }
    }
}

impl<C: CheckpointStrategy> HeadOp for Autodiff<Flex, C> {
    fn token_log_probs(hidden: FloatTensor<Self>, weights: FloatTensor<Self>, plan: Plan) -> FloatTensor<Self> {
        let ((hidden, to_hidden), (weights, to_weights)) = (hidden.into_parts(), weights.into_parts());
        let (hidden, weights) = (contiguous(hidden), contiguous(weights));
        let wanted = plan.wanted;
        let packed = plan.packed(&weights, if wanted.hidden { Packed::Both } else { Packed::Forward });
        let Scored { log_probs, sums, gradients, residual } =
            plan.head(&hidden, &weights, packed.as_ref()).forward(wanted);
        let rows = log_probs.len();
        let output = tensor(log_probs, [rows]);
        let width = hidden.shape()[1];
        let weights = wanted.weights.then_some((hidden, weights));
        match HeadBackward(plan).prepare::<C>([to_hidden, to_weights]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                prepared.finish(State { width, gradients, weights, sums, residual, packed }, output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}
