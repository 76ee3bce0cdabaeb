//! [`swiglu`](crate::swiglu) with its backward.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::{FlexTensor, contiguous, owned, slice, tensor};
use crate::cpu::gated;
use crate::cpu::level::Level;

pub(crate) fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as GatedOp>::swiglu(gate.into_dispatch(), up.into_dispatch()))
}

/// Routed by the dispatching backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait GatedOp: Backend {
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl GatedOp for Flex {
    fn swiglu(gate: FlexTensor, up: FlexTensor) -> FlexTensor {
        forward(&contiguous(gate), &contiguous(up))
    }
}

fn forward(gate: &FlexTensor, up: &FlexTensor) -> FlexTensor {
    tensor(gated::forward(Level::best(), slice(gate), slice(up)), gate.shape())
}

#[derive(Debug)]
struct SwigluBackward;

impl Backward<Flex, 2> for SwigluBackward {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let mut gradient = owned(grads.consume::<Flex>(&ops.node));
        let (gate, up) = ops.state;
        let up_gradient = gated::backward(Level::best(), slice(&gate), slice(&up), gradient.storage_mut::<f32>());
        let [to_gate, to_up] = ops.parents;
        if let Some(node) = to_gate {
            grads.register::<Flex>(node.id, gradient);
        }
        if let Some(node) = to_up {
            grads.register::<Flex>(node.id, tensor(up_gradient, up.shape()));
        }
    }
}

impl<C: CheckpointStrategy> GatedOp for Autodiff<Flex, C> {
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((gate, gate_node), (up, up_node)) = (gate.into_parts(), up.into_parts());
        let (gate, up) = (contiguous(gate), contiguous(up));
        let y = forward(&gate, &up);
        match SwigluBackward.prepare::<C>([gate_node, up_node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((gate, up), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }
}
