//! One term of a loss: a link of a linear combination of scores.

use burn::tensor::Tensor;

use crate::coefficient::{Coefficient, Streaming};
use crate::group::{Group, Scored};
use crate::link::Link;

/// What the coefficients multiply.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand {
    /// `Δ = s_θ − s_ref`.
    LogRatio,
    /// `s_θ`.
    Policy,
    /// `u_l`: only the rejected answer, by [`Group::rejected_avoidance`].
    Avoidance,
}

/// Where the mean over the anchors is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Coupling {
    /// Inside the link: one argument per group.
    Group,
    /// Outside: one argument per anchor, the losses are averaged.
    Pair,
}

/// `loss = scale · link(h)` with `h = anchor · x_w + rejected · x_l + offset`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linear {
    pub(crate) operand: Operand,
    pub(crate) anchor: Coefficient,
    pub(crate) rejected: Coefficient,
    pub(crate) offset: f64,
    pub(crate) link: Link,
    pub(crate) scale: f64,
    pub(crate) coupling: Coupling,
}

impl Linear {
    /// The arguments `h`: `[batch, 1]` when coupled by group, `[batch, k]` by pair.
    pub(crate) fn arguments(&self, group: &Group) -> Tensor<2> {
        let of_anchors = self.anchor.times(self.anchors(&group.anchors), &group.anchors.tokens);
        let of_anchors = match self.coupling {
            Coupling::Group => of_anchors.mean_dim(1),
            Coupling::Pair => of_anchors,
        };
        let of_rejected = self.rejected.times(self.rejected(group), &group.rejected.tokens);
        (of_anchors + of_rejected.unsqueeze_dim(1)).add_scalar(self.offset)
    }

    fn anchors(&self, anchors: &Scored<2>) -> Tensor<2> {
        match self.operand {
            Operand::LogRatio => anchors.log_ratio(),
            Operand::Policy | Operand::Avoidance => anchors.policy.clone(),
        }
    }

    fn rejected(&self, group: &Group) -> Tensor<1> {
        match self.operand {
            Operand::LogRatio => group.rejected.log_ratio(),
            Operand::Policy => group.rejected.policy.clone(),
            Operand::Avoidance => group.avoidance(),
        }
    }

    /// The loss per argument, in the shape of `h`.
    pub(crate) fn loss(&self, h: Tensor<2>) -> Tensor<2> {
        self.link.loss(h).mul_scalar(self.scale)
    }

    /// `c_j` such that `∂loss/∂s_j = weight · c_j`, with the anchors' already divided by `k`.
    pub(crate) fn directions(&self, k: usize) -> Streaming {
        Streaming { anchor: self.anchor.scaled(-self.scale / k as f64), rejected: self.rejected.scaled(-self.scale) }
    }

    /// Whether one number weighs a whole group of `k` anchors.
    pub(crate) fn has_one_weight(&self, k: usize) -> bool {
        k == 1 || matches!(self.coupling, Coupling::Group)
    }
}
