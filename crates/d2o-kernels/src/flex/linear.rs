//! [`linear`](crate::linear) of factors rounded to bf16, with its backward.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::{FlexTensor, contiguous, slice, tensor};
use crate::bf16_matrix::{Bf16Matrix, product};
use crate::cpu::bf16::{Left, Right};
use crate::cpu::level::Level;
use crate::cpu::matrix::{View, WeightLayout};

/// What stands beside the tensors.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    layout: WeightLayout,
    packed: Option<Arc<Bf16Matrix>>,
    wants_weights: bool,
    wants_x: bool,
}

pub(crate) fn bf16_linear(
    x: Tensor<2>,
    weights: Tensor<2>,
    layout: WeightLayout,
    packed: Option<&Arc<Bf16Matrix>>,
) -> Tensor<2> {
    let plan = Plan { layout, packed: packed.cloned(), wants_weights: weights.is_tracked(), wants_x: x.is_tracked() };
    Tensor::from_dispatch(<Dispatch as LinearOp>::bf16_linear(x.into_dispatch(), weights.into_dispatch(), plan))
}

/// Routed by the dispatching backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait LinearOp: Backend {
    fn bf16_linear(x: FloatTensor<Self>, weights: FloatTensor<Self>, plan: Plan) -> FloatTensor<Self>;
}

impl LinearOp for Flex {
    fn bf16_linear(x: FlexTensor, weights: FlexTensor, plan: Plan) -> FlexTensor {
        plan.forward(&contiguous(x), &contiguous(weights))
    }
}

/// A matrix that lies row by row.
fn rows(tensor: &FlexTensor) -> View<'_> {
    let [rows, columns] = tensor.shape().dims();
    View::new(slice(tensor), rows, columns, columns)
}

impl Plan {
    /// The packed weights, if they are packed of these.
    fn packed(&self, weights: &FlexTensor) -> Option<&Bf16Matrix> {
        self.packed.as_deref().filter(|packed| packed.is_of(slice(weights)))
    }

    /// The weights as `[inputs, outputs]`.
    fn matrix<'a>(&self, weights: &'a FlexTensor) -> View<'a> {
        self.layout.matrix(slice(weights), weights.shape().dims())
    }

    /// `x W`.
    fn forward(&self, x: &FlexTensor, weights: &FlexTensor) -> FlexTensor {
        let left = Left::pack(Level::best(), rows(x));
        match self.packed(weights) {
            Some(packed) => output(&left, packed.forward()),
            None => output(&left, &Right::pack(Level::best(), self.matrix(weights))),
        }
    }

    /// `dy Wᵀ`.
    fn by_x(&self, weights: &FlexTensor, gradient: &FlexTensor) -> FlexTensor {
        let left = Left::pack(Level::best(), rows(gradient));
        match self.packed(weights).and_then(Bf16Matrix::backward) {
            Some(packed) => output(&left, packed),
            None => output(&left, &Right::pack(Level::best(), self.matrix(weights).t())),
        }
    }
}

fn output(a: &Left, b: &Right) -> FlexTensor {
    tensor(product(a, b), [a.rows(), b.columns()])
}

/// `x`, packed for the gradient of the weights.
#[derive(Clone)]
enum Input {
    /// `xᵀ`, for `xᵀ dy`.
    Left(Arc<Left>),
    /// For `dyᵀ x`.
    Right(Arc<Right>),
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input")
    }
}

impl Input {
    fn of(x: View<'_>, layout: WeightLayout) -> Self {
        match layout {
            WeightLayout::Straight => Self::Left(Arc::new(Left::pack(Level::best(), x.t()))),
            WeightLayout::Transposed => Self::Right(Arc::new(Right::pack(Level::best(), x))),
        }
    }

    /// The weights' gradient, laid out as they are.
    fn by_weights(&self, gradient: View<'_>) -> FlexTensor {
        match self {
            Self::Left(x) => output(x, &Right::pack(Level::best(), gradient)),
            Self::Right(x) => output(&Left::pack(Level::best(), gradient.t()), x),
        }
    }
}

#[derive(Debug)]
struct LinearBackward(Plan);

impl Backward<Flex, 2> for LinearBackward {
    /// The input, if the gradient of the weights is wanted; the weights, if that of the input is.
    type State = (Option<Input>, Option<FlexTensor>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (input, weights) = ops.state;
        let [to_x, to_weights] = ops.parents;
        if let (Some(node), Some(weights)) = (to_x, weights) {
            grads.register::<Flex>(node.id, self.0.by_x(&weights, &gradient));
        }
        if let (Some(node), Some(input)) = (to_weights, input) {
            grads.register::<Flex>(node.id, input.by_weights(rows(&gradient)));
        }
    }
}

impl<C: CheckpointStrategy> LinearOp for Autodiff<Flex, C> {
    fn bf16_linear(x: FloatTensor<Self>, weights: FloatTensor<Self>, plan: Plan) -> FloatTensor<Self> {
        let ((x, to_x), (weights, to_weights)) = (x.into_parts(), weights.into_parts());
        let (x, weights) = (contiguous(x), contiguous(weights));
        let y = plan.forward(&x, &weights);
        let input = plan.wants_weights.then(|| Input::of(rows(&x), plan.layout));
        let weights = plan.wants_x.then_some(weights);
        match LinearBackward(plan).prepare::<C>([to_x, to_weights]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((input, weights), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }
}
