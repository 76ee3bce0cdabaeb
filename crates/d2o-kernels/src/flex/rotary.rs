//! [`rotary_embedding`](crate::rotary_embedding) with its backward.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::{FlexTensor, owned};
use crate::cpu::level::Level;
use crate::cpu::rotary::{RotaryTables, rotate};

pub(crate) fn rotary_embedding(x: Tensor<2>, head_dim: usize, tables: &RotaryTables) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as RotaryOp>::rotary_embedding(x.into_dispatch(), head_dim, tables.clone()))
}

/// Routed by the dispatching backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait RotaryOp: Backend {
    fn rotary_embedding(x: FloatTensor<Self>, head_dim: usize, tables: RotaryTables) -> FloatTensor<Self>;
}

impl RotaryOp for Flex {
    fn rotary_embedding(x: FlexTensor, head_dim: usize, tables: RotaryTables) -> FlexTensor {
        rotated(x, head_dim, &tables, false)
    }
}

/// Overwrites `x` if nobody else holds it.
fn rotated(x: FlexTensor, head_dim: usize, tables: &RotaryTables, inverse: bool) -> FlexTensor {
    let mut x = owned(x);
    rotate(Level::best(), x.storage_mut::<f32>(), head_dim, tables, inverse);
    x
}

#[derive(Debug)]
struct RotaryBackward {
    head_dim: usize,
    tables: RotaryTables,
}

impl Backward<Flex, 1> for RotaryBackward {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let [to_x] = ops.parents;
        if let Some(node) = to_x {
            grads.register::<Flex>(node.id, rotated(gradient, self.head_dim, &self.tables, true));
        }
    }
}

impl<C: CheckpointStrategy> RotaryOp for Autodiff<Flex, C> {
    fn rotary_embedding(x: FloatTensor<Self>, head_dim: usize, tables: RotaryTables) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let y = rotated(x, head_dim, &tables, false);
        match (RotaryBackward { head_dim, tables }).prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }
}
