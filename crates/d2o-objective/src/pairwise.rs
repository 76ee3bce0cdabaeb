//! Objectives that are no function of one linear combination: loss and slopes pair by pair.

use burn::tensor::Tensor;

use crate::log_sigmoid::{log_sigmoid, negative, sigmoid};
use crate::{Group, ObjectiveConfig};

/// Loss of each pair with what the diagnostics show of it, all `[batch, k]`.
pub(crate) struct PairLoss {
    pub(crate) loss: Tensor<2>,
    /// The argument whose growth lowers the preference part of the loss.
    pub(crate) h: Tensor<2>,
}

/// `∂loss/∂s_w` and `∂loss/∂s_l` of each pair, both `[batch, k]`.
pub(crate) struct PairSlopes {
    pub(crate) anchor: Tensor<2>,
    pub(crate) rejected: Tensor<2>,
}

/// What each pair sees: `[batch, k]`, the rejected answer repeated beside every anchor.
struct Pairs {
    anchor_score: Tensor<2>,
    rejected_score: Tensor<2>,
    anchor_ratio: Tensor<2>,
    rejected_ratio: Tensor<2>,
}

impl Pairs {
    fn new(group: &Group) -> Self {
        let [batch, k] = group.anchors.policy.dims();
        let repeat = |rejected: Tensor<1>| rejected.unsqueeze_dim::<2>(1).expand([batch, k]);
        Self {
            anchor_score: group.anchors.policy.clone(),
            rejected_score: repeat(group.rejected.policy.clone()),
            anchor_ratio: group.anchors.log_ratio(),
            rejected_ratio: repeat(group.rejected.log_ratio()),
        }
    }

    /// `Δ_w − Δ_l`.
    fn ratio_margin(&self) -> Tensor<2> {
        self.anchor_ratio.clone() - self.rejected_ratio.clone()
    }

    /// DPOP's `Δ_w − Δ_l − λ max(0, −Δ_w)`.
    fn penalised_margin(&self, lambda: f64) -> Tensor<2> {
        let shortfall = negative(&self.anchor_ratio) * self.anchor_ratio.clone();
        self.ratio_margin() + shortfall.mul_scalar(lambda)
    }

    /// SLiC-HF's `s_w − s_l − δ`: the hinge is open where it is negative.
    fn hinge_argument(&self, delta: f64) -> Tensor<2> {
        (self.anchor_score.clone() - self.rejected_score.clone()).sub_scalar(delta)
    }
}

/// The pairs' losses for the objectives without a linear form, `None` for the others.
pub(crate) fn loss(config: &ObjectiveConfig, group: &Group) -> Option<PairLoss> {
    let pairs = Pairs::new(group);
    let pair_loss = match *config {
        ObjectiveConfig::Slic { delta, lambda } => slic_loss(&pairs, delta, lambda),
        ObjectiveConfig::Dpop { beta, lambda } => {
            let h = pairs.penalised_margin(lambda).mul_scalar(beta);
            PairLoss { loss: log_sigmoid(h.clone()).neg(), h }
        }
        ObjectiveConfig::CalDpo { beta } => cal_dpo_loss(&pairs, beta),
        ObjectiveConfig::Kto { beta, desirable, undesirable, reference_point } => {
            let [gain, guard] = kto_arguments(&pairs, beta, reference_point);
            // 1 − σ(x) = σ(−x)
            let loss = sigmoid(gain.neg()).mul_scalar(desirable) + sigmoid(guard.clone().neg()).mul_scalar(undesirable);
            PairLoss { loss, h: guard }
        }
        _ => return None,
    };
    Some(pair_loss)
}

/// `−∂loss/∂h` of the preference part at each `h`, for the diagnostics.
pub(crate) fn weight(config: &ObjectiveConfig, h: Tensor<2>) -> Tensor<2> {
    match config {
        ObjectiveConfig::Slic { .. } => negative(&h),
        ObjectiveConfig::Kto { undesirable, .. } => logistic_slope(h).mul_scalar(*undesirable),
        _ => sigmoid(h.neg()),
    }
}

/// The pairs' slopes for the objectives without a linear form, `None` for the others.
pub(crate) fn slopes(config: &ObjectiveConfig, group: &Group) -> Option<PairSlopes> {
    let pairs = Pairs::new(group);
    let slopes = match *config {
        ObjectiveConfig::Slic { delta, lambda } => {
            let open = negative(&pairs.hinge_argument(delta));
            PairSlopes { anchor: open.clone().neg().sub_scalar(lambda), rejected: open }
        }
        ObjectiveConfig::Dpop { beta, lambda } => {
            let h = pairs.penalised_margin(lambda).mul_scalar(beta);
            let pull = sigmoid(h.neg()).mul_scalar(beta);
            // ∂/∂Δ_w of the margin is 1, or 1 + λ where the anchor has lost likelihood.
            let rate = negative(&pairs.anchor_ratio).mul_scalar(lambda).add_scalar(1.0);
            PairSlopes { anchor: (pull.clone() * rate).neg(), rejected: pull }
        }
        ObjectiveConfig::CalDpo { beta } => {
            let pull = sigmoid(pairs.ratio_margin().neg());
            PairSlopes {
                anchor: pairs.anchor_ratio.sub_scalar(0.5 / beta) - pull.clone(),
                rejected: pairs.rejected_ratio.add_scalar(0.5 / beta) + pull,
            }
        }
        ObjectiveConfig::Kto { beta, desirable, undesirable, reference_point } => {
            let [gain, guard] = kto_arguments(&pairs, beta, reference_point);
            PairSlopes {
                anchor: logistic_slope(gain).mul_scalar(-beta * desirable),
                rejected: logistic_slope(guard).mul_scalar(beta * undesirable),
            }
        }
        _ => return None,
    };
    Some(slopes)
}

fn slic_loss(pairs: &Pairs, delta: f64, lambda: f64) -> PairLoss {
    let h = pairs.hinge_argument(delta);
    let hinge = (negative(&h) * h.clone()).neg();
    PairLoss { loss: hinge - pairs.anchor_score.clone().mul_scalar(lambda), h }
}

fn cal_dpo_loss(pairs: &Pairs, beta: f64) -> PairLoss {
    let h = pairs.ratio_margin();
    let anchor_miss = pairs.anchor_ratio.clone().sub_scalar(0.5 / beta).square();
    let rejected_miss = pairs.rejected_ratio.clone().add_scalar(0.5 / beta).square();
    PairLoss { loss: (anchor_miss + rejected_miss).mul_scalar(0.5) - log_sigmoid(h.clone()), h }
}

/// `β(Δ_w − z₀)` and `β(z₀ − Δ_l)`.
fn kto_arguments(pairs: &Pairs, beta: f64, reference_point: f64) -> [Tensor<2>; 2] {
    let above = |ratio: &Tensor<2>| ratio.clone().sub_scalar(reference_point).mul_scalar(beta);
    [above(&pairs.anchor_ratio), above(&pairs.rejected_ratio).neg()]
}

/// `σ'(x) = σ(x) σ(−x)`.
fn logistic_slope(x: Tensor<2>) -> Tensor<2> {
    sigmoid(x.clone()) * sigmoid(x.neg())
}
