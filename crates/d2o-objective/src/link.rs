//! Objectives whose loss is a function of one linear combination of scores, as data.

use burn::tensor::Tensor;

use crate::log_sigmoid::{log_sigmoid, sigmoid};
use crate::{Coefficient, Group, ObjectiveConfig, Scored, Streaming};

/// The function between the argument `h` and the loss; all of them fall as `h` grows towards the
/// target.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Link {
    /// `−h`.
    Identity,
    /// `−(1−ε) log σ(h) − ε log σ(−h)`.
    LogSigmoid { smoothing: f64 },
    /// `(h − target)²`.
    Square { target: f64 },
}

impl Link {
    /// The loss at `h`, elementwise.
    pub(crate) fn loss<const D: usize>(self, h: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => h.neg(),
            Self::LogSigmoid { smoothing: 0.0 } => log_sigmoid(h).neg(),
            Self::LogSigmoid { smoothing } => {
                log_sigmoid(h.clone()).mul_scalar(smoothing - 1.0) - log_sigmoid(h.neg()).mul_scalar(smoothing)
            }
            Self::Square { target } => h.sub_scalar(target).square(),
        }
    }

    /// `−∂loss/∂h`, elementwise: for `LogSigmoid` it is `σ(−h) − ε`.
    pub(crate) fn weight<const D: usize>(self, h: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => h.ones_like(),
            Self::LogSigmoid { smoothing } => sigmoid(h.neg()).sub_scalar(smoothing),
            Self::Square { target } => h.sub_scalar(target).mul_scalar(-2.0),
        }
    }
}

/// What the coefficients multiply.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand {
    /// `Δ = s_θ − s_ref`.
    LogRatio,
    /// `s_θ`.
    Policy,
}

impl Operand {
    fn of<const D: usize>(self, scored: &Scored<D>) -> Tensor<D> {
        match self {
            Self::LogRatio => scored.log_ratio(),
            Self::Policy => scored.policy.clone(),
        }
    }
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
        let Group { anchors, rejected } = group;
        let of_anchors = self.anchor.times(self.operand.of(anchors), &anchors.tokens);
        let of_anchors = match self.coupling {
            Coupling::Group => of_anchors.mean_dim(1),
            Coupling::Pair => of_anchors,
        };
        let of_rejected = self.rejected.times(self.operand.of(rejected), &rejected.tokens);
        (of_anchors + of_rejected.unsqueeze_dim(1)).add_scalar(self.offset)
    }

    /// The loss per argument, in the shape of `h`.
    pub(crate) fn loss(&self, h: Tensor<2>) -> Tensor<2> {
        self.link.loss(h).mul_scalar(self.scale)
    }

    /// `c_j` such that `∂loss/∂s_j = weight · c_j`, with the anchors' already divided by `k`.
    pub(crate) fn directions(&self, k: usize) -> Streaming {
        Streaming { anchor: self.anchor.scaled(-self.scale / k as f64), rejected: self.rejected.scaled(-self.scale) }
    }
}

impl ObjectiveConfig {
    /// The linear form of this objective, if it has one.
    pub(crate) fn linear(&self) -> Option<Linear> {
        use Coefficient::{PerToken, Summed};
        let pair = Linear {
            operand: Operand::LogRatio,
            anchor: Summed(1.0),
            rejected: Summed(-1.0),
            offset: 0.0,
            link: Link::LogSigmoid { smoothing: 0.0 },
            scale: 1.0,
            coupling: Coupling::Pair,
        };
        let group = Linear { anchor: Summed(0.0), coupling: Coupling::Group, ..pair };
        let linear = match *self {
            Self::D2o { beta, alpha } => Linear { anchor: Summed(beta), rejected: Summed(-alpha), ..group },
            Self::Dpo { beta, label_smoothing: smoothing } => {
                Linear { anchor: Summed(beta), rejected: Summed(-beta), link: Link::LogSigmoid { smoothing }, ..pair }
            }
            Self::Sft {} => Linear {
                operand: Operand::Policy,
                anchor: PerToken(1.0),
                rejected: Summed(0.0),
                link: Link::Identity,
                ..group
            },
            Self::Npo { beta } => Linear { rejected: Summed(-beta), scale: 2.0 / beta, ..group },
            Self::GradientAscent {} => {
                Linear { operand: Operand::Policy, rejected: PerToken(-1.0), link: Link::Identity, ..group }
            }
            Self::Ipo { tau } => Linear {
                anchor: PerToken(1.0),
                rejected: PerToken(-1.0),
                link: Link::Square { target: 0.5 / tau },
                ..pair
            },
            Self::SimPo { beta, gamma } => Linear {
                operand: Operand::Policy,
                anchor: PerToken(beta),
                rejected: PerToken(-beta),
                offset: -gamma,
                ..pair
            },
            Self::SimNpo { beta, gamma } => Linear {
                operand: Operand::Policy,
                rejected: PerToken(-beta),
                offset: -beta * gamma,
                scale: 2.0 / beta,
                ..group
            },
            Self::Slic { .. } | Self::Kto { .. } | Self::Rpo { .. } | Self::Dpop { .. } | Self::CalDpo { .. } => {
                return None;
            }
        };
        Some(linear)
    }
}
