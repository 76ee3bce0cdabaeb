//! [`rotate`](crate::rotate) with its backward.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::{Plain, owned};
use crate::level::Level;
use crate::turn::{Angles, turn};

pub(crate) fn rotate(x: Tensor<2>, head_dim: usize, angles: &Angles) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as TurnOp>::rotate(x.into_dispatch(), head_dim, angles.clone()))
}

/// Routed by the dispatching backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait TurnOp: Backend {
    fn rotate(x: FloatTensor<Self>, head_dim: usize, angles: Angles) -> FloatTensor<Self>;
}

impl TurnOp for Flex {
    fn rotate(x: Plain, head_dim: usize, angles: Angles) -> Plain {
        turned(x, head_dim, &angles, false)
    }
}

/// Overwrites `x` if nobody else holds it.
fn turned(x: Plain, head_dim: usize, angles: &Angles, back: bool) -> Plain {
    let mut x = owned(x);
    turn(Level::best(), x.storage_mut::<f32>(), head_dim, angles, back);
    x
}

#[derive(Debug)]
struct Slope {
    head_dim: usize,
    angles: Angles,
}

impl Backward<Flex, 1> for Slope {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let slope = grads.consume::<Flex>(&ops.node);
        let [to_x] = ops.parents;
        if let Some(node) = to_x {
            grads.register::<Flex>(node.id, turned(slope, self.head_dim, &self.angles, true));
        }
    }
}

impl<C: CheckpointStrategy> TurnOp for Autodiff<Flex, C> {
    fn rotate(x: FloatTensor<Self>, head_dim: usize, angles: Angles) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let y = turned(x, head_dim, &angles, false);
        match (Slope { head_dim, angles }).prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }
}
