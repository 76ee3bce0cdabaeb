//! [`rms_norm`](crate::rms_norm) with its backward.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::{FlexTensor, contiguous, owned, slice, tensor};
use crate::cpu::level::Level;
use crate::cpu::norm;

pub(crate) fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f32) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as NormOp>::rms_norm(x.into_dispatch(), weight.into_dispatch(), epsilon))
}

/// Routed by the dispatching backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait NormOp: Backend {
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self>;
}

impl NormOp for Flex {
    fn rms_norm(x: FlexTensor, weight: FlexTensor, epsilon: f32) -> FlexTensor {
        forward(&contiguous(x), &contiguous(weight), epsilon).0
    }
}

fn forward(x: &FlexTensor, weight: &FlexTensor, epsilon: f32) -> (FlexTensor, Vec<f32>) {
    let (y, inverses) = norm::forward(Level::best(), slice(x), slice(weight), epsilon);
    (tensor(y, x.shape()), inverses)
}

#[derive(Debug)]
struct NormBackward;

impl Backward<Flex, 2> for NormBackward {
    type State = (FlexTensor, FlexTensor, Vec<f32>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let mut gradient = owned(grads.consume::<Flex>(&ops.node));
        let (x, weight, inverses) = ops.state;
        let dw = norm::backward(Level::best(), slice(&x), slice(&weight), &inverses, gradient.storage_mut::<f32>());
        let [to_x, to_weight] = ops.parents;
        if let Some(node) = to_x {
            grads.register::<Flex>(node.id, gradient);
        }
        if let Some(node) = to_weight {
            let width = dw.len();
            grads.register::<Flex>(node.id, tensor(dw, [width]));
        }
    }
}

impl<C: CheckpointStrategy> NormOp for Autodiff<Flex, C> {
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self> {
        let ((x, x_node), (weight, weight_node)) = (x.into_parts(), weight.into_parts());
        let (x, weight) = (contiguous(x), contiguous(weight));
        let (y, inverses) = forward(&x, &weight, epsilon);
        match NormBackward.prepare::<C>([x_node, weight_node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((x, weight, inverses), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }
}
