//! What to watch while training.

use burn::tensor::Tensor;

use crate::{Group, ObjectiveConfig};

/// Per-example figures, all `[batch]`, without autodiff and still on the device: read them together,
/// and rarely.
///
/// Anchors and rejected answers are kept apart on purpose: the margin also grows when both fall
/// and the rejected answer falls faster.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    /// Argument of the link. D²O: `(β/k) Σ Δ_w − α Δ_l`. Pairwise losses: the mean of the pairs'
    /// arguments. SFT, gradient ascent and unlikelihood: the negated loss. Losses that judge anchors and
    /// rejected answer apart: the rejected answer's, so for KTO `β(z₀ − Δ_l)`, for SPPO `−Δ_l`, for
    /// `nca_pair`, `bco_pair` and `apo_zero` `−βΔ_l`.
    pub h: Tensor<1>,
    /// Minus the link's derivative at `h`: how much of the gradient is left. D²O: `σ(−h)`. Pairwise
    /// losses: the mean over the pairs. SFT, gradient ascent and unlikelihood: 1. Hinges: the share that is open.
    pub w: Tensor<1>,
    /// `(1/k) Σ_i Δ_w,i`, in nats: whether the policy still holds on to the anchors.
    pub anchor_log_ratio: Tensor<1>,
    /// `Δ_l`, in nats: how far the rejected answer has been pushed.
    pub rejected_log_ratio: Tensor<1>,
    /// Anchors' reward less the rejected answer's: `β · anchor_log_ratio − α · rejected_log_ratio`.
    /// `α = β` outside D²O, and 1 for objectives that have no `β`.
    pub reward_margin: Tensor<1>,
    /// 1 where `reward_margin` is above 0, else 0.
    pub reward_accuracy: Tensor<1>,
}

impl Diagnostics {
    /// From a detached group with the link's argument and weight.
    pub(crate) fn new(config: &ObjectiveConfig, group: &Group, h: Tensor<1>, w: Tensor<1>) -> Self {
        let anchor_log_ratio: Tensor<1> = group.anchors.log_ratio().mean_dim(1).squeeze_dim(1);
        let rejected_log_ratio = group.rejected.log_ratio();
        let [beta, alpha] = config.reward_scales();
        let anchor_reward = anchor_log_ratio.clone().mul_scalar(beta);
        let rejected_reward = rejected_log_ratio.clone().mul_scalar(alpha);
        let ahead = anchor_reward.clone().greater(rejected_reward.clone());
        Self {
            h,
            w,
            reward_accuracy: anchor_log_ratio.zeros_like().mask_fill(ahead, 1.0),
            reward_margin: anchor_reward - rejected_reward,
            anchor_log_ratio,
            rejected_log_ratio,
        }
    }
}

impl ObjectiveConfig {
    /// `[β, α]`: what turns the log-ratios of anchors and of the rejected answer into rewards.
    fn reward_scales(&self) -> [f64; 2] {
        match *self {
            Self::D2o { beta, alpha } => [beta, alpha],
            Self::Dpo { beta, .. }
            | Self::Npo { beta }
            | Self::SimPo { beta, .. }
            | Self::Kto { beta, .. }
            | Self::SimNpo { beta, .. }
            | Self::Rpo { beta, .. }
            | Self::Dpop { beta, .. }
            | Self::CalDpo { beta }
            | Self::Hinge { beta }
            | Self::Robust { beta, .. }
            | Self::ExoPair { beta, .. }
            | Self::NcaPair { beta }
            | Self::BcoPair { beta }
            | Self::SppoHard { beta }
            | Self::ApoZero { beta }
            | Self::ApoDown { beta }
            | Self::Discopop { beta, .. }
            | Self::SigmoidNorm { beta }
            | Self::Aot { beta, .. }
            | Self::AotUnpaired { beta, .. }
            | Self::FDpo { beta, .. }
            | Self::Cpo { beta, .. } => [beta; 2],
            Self::Sft {}
            | Self::GradientAscent {}
            | Self::Ipo { .. }
            | Self::Slic { .. }
            | Self::Orpo { .. }
            | Self::Unlikelihood {} => [1.0; 2],
        }
    }
}
