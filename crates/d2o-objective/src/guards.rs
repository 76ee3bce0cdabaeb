//! What keeps a long run from drifting, around any objective.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{Group, ObjectiveConfig, ObjectiveError, ScoreGradients};

/// Guards around an objective; all are off by default, which leaves the published loss.
///
/// With `Δ` and `s` as in [`ObjectiveConfig`], the guarded loss is
/// `L(Δ_w, max(Δ_l, −floor)) − (nll/k) Σ_i s_w,i/len_w,i + hinge · max(0, −(1/k) Σ_i Δ_w,i − slack)`,
/// where `Δ_l` is first brought to a common length if `rejected_tokens` says so. `anchor_kl` is a guard too, but one
/// that scores do not suffice for: whoever has the distributions adds it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guards {
    /// How far below the reference a rejected answer is pushed at the most, nats; 0 knows no end.
    ///
    /// Below the floor its gradient is zero and the objective sees `−floor`, so the weight that the link leaves to the
    /// anchors no longer dies out with the rejected answer.
    pub rejected_floor: f64,
    /// Rejected answers count as if each had this many tokens: `s_l` and its reference are multiplied by
    /// `rejected_tokens/len_l`, so that long ones do not dominate; 0 leaves sums.
    pub rejected_tokens: f64,
    /// Weight of the anchors' mean negative log-likelihood per token; 0 is off.
    pub anchor_nll: f64,
    /// Weight of the hinge on the anchors' mean log-ratio, per nat; 0 is off.
    pub anchor_hinge: f64,
    /// How far the anchors' mean log-ratio may fall before the hinge opens, nats; 0 opens it below the reference.
    pub anchor_slack: f64,
    /// Weight of the anchors' mean divergence from the base, `(1/k) Σ_i (1/len_i) Σ_t KL(π_r ‖ π_θ)` at their tokens,
    /// nats per token; 0 is off. It depends on whole next-token distributions, so neither [`loss`](Self::loss) nor
    /// [`score_gradients`](Self::score_gradients) contains it.
    pub anchor_kl: f64,
}

impl Guards {
    /// Whether any guard changes the loss as a function of the scores: all but `anchor_kl` do.
    pub fn act_on_scores(&self) -> bool {
        let Self { rejected_floor, rejected_tokens, anchor_nll, anchor_hinge, anchor_slack: _, anchor_kl: _ } = *self;
        [rejected_floor, rejected_tokens, anchor_nll, anchor_hinge].iter().any(|&guard| guard != 0.0)
    }

    /// Refuses negative numbers and those that are not finite.
    ///
    /// # Errors
    /// [`ObjectiveError::NotFinite`] and [`ObjectiveError::OutOfRange`] name the field.
    pub fn validate(&self) -> Result<(), ObjectiveError> {
        let fields = [
            ("rejected_floor", self.rejected_floor),
            ("rejected_tokens", self.rejected_tokens),
            ("anchor_nll", self.anchor_nll),
            ("anchor_hinge", self.anchor_hinge),
            ("anchor_slack", self.anchor_slack),
            ("anchor_kl", self.anchor_kl),
        ];
        for (field, value) in fields {
            let objective = "guards";
            if !value.is_finite() {
                return Err(ObjectiveError::NotFinite { objective, field, value });
            }
            if value < 0.0 {
                let expected = "a number of at least 0";
                return Err(ObjectiveError::OutOfRange { objective, field, value, expected });
            }
        }
        Ok(())
    }

    /// The guarded loss of each example, nats, `[batch]`.
    ///
    /// # Panics
    /// As [`ObjectiveConfig::forward`].
    pub fn loss(&self, objective: &ObjectiveConfig, group: &Group) -> Tensor<1> {
        let mut loss = objective.forward(&self.apply(group)).per_example;
        if self.anchor_nll > 0.0 {
            let per_token = group.anchors.policy.clone() / lengths(&group.anchors.tokens);
            loss = loss - mean(per_token).mul_scalar(self.anchor_nll);
        }
        if self.anchor_hinge > 0.0 {
            let fall = mean(group.anchors.log_ratio()).neg().sub_scalar(self.anchor_slack);
            loss = loss + fall.clamp_min(0.0).mul_scalar(self.anchor_hinge);
        }
        loss
    }

    /// `∂loss/∂s_θ` of each response, without automatic differentiation; at a kink, the gradient of its flat side.
    ///
    /// # Panics
    /// As [`ObjectiveConfig::score_gradients`].
    pub fn score_gradients(&self, objective: &ObjectiveConfig, group: &Group) -> ScoreGradients {
        let group = group.detached();
        let [_, k] = group.dims();
        let mut gradients = objective.score_gradients(&self.apply(&group));
        if self.rejected_tokens > 0.0 {
            gradients.rejected = gradients.rejected * self.scale(&group);
        }
        if self.rejected_floor > 0.0 {
            let ratio = self.common_length(&group).rejected.log_ratio();
            gradients.rejected = gradients.rejected.mask_fill(ratio.lower_equal_elem(-self.rejected_floor), 0.0);
        }
        if self.anchor_nll > 0.0 {
            let pull = lengths(&group.anchors.tokens).recip().mul_scalar(self.anchor_nll / k as f64);
            gradients.anchors = gradients.anchors - pull;
        }
        if self.anchor_hinge > 0.0 {
            let ratio = mean(group.anchors.log_ratio());
            let open = ratio.zeros_like().mask_fill(ratio.lower_elem(-self.anchor_slack), self.anchor_hinge / k as f64);
            gradients.anchors = gradients.anchors - open.unsqueeze_dim(1);
        }
        gradients
    }

    /// The group as the objective sees it.
    fn apply(&self, group: &Group) -> Group {
        let mut group = self.common_length(group);
        if self.rejected_floor > 0.0 {
            let lowest = group.rejected.reference.clone().sub_scalar(self.rejected_floor);
            group.rejected.policy = group.rejected.policy.max_pair(lowest);
        }
        group
    }

    fn common_length(&self, group: &Group) -> Group {
        let mut group = group.clone();
        if self.rejected_tokens > 0.0 {
            let scale = self.scale(&group);
            let rejected = &mut group.rejected;
            rejected.policy = rejected.policy.clone() * scale.clone();
            rejected.reference = rejected.reference.clone() * scale;
            rejected.tokens = rejected.tokens.ones_like().mul_scalar(self.rejected_tokens);
        }
        group
    }

    fn scale(&self, group: &Group) -> Tensor<1> {
        lengths(&group.rejected.tokens).recip().mul_scalar(self.rejected_tokens)
    }
}

/// Lengths to divide by: an absent response counts as one token.
fn lengths<const D: usize>(tokens: &Tensor<D>) -> Tensor<D> {
    tokens.clone().clamp_min(1.0)
}

/// The mean over the anchors, `[batch]`.
fn mean(anchors: Tensor<2>) -> Tensor<1> {
    anchors.mean_dim(1).squeeze_dim(1)
}
