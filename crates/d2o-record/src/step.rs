//! The figures of one optimizer step.

use serde::{Deserialize, Serialize};

use crate::nan_as_null;

/// Figures of one optimizer step, means over its groups.
///
/// A group is a prompt with its rejected response and its anchors.
///
/// A figure that is not finite is written as `null` and read back as NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepFigures {
    /// Mean loss, in nats.
    #[serde(with = "nan_as_null")]
    pub loss: f64,
    /// Mean argument of the sigmoid.
    #[serde(with = "nan_as_null")]
    pub h: f64,
    /// Mean weight of the gradient, `σ(−h)` for D²O.
    #[serde(with = "nan_as_null")]
    pub weight: f64,
    /// Mean over anchors of policy minus reference log-probability, in nats.
    #[serde(with = "nan_as_null")]
    pub anchor_log_ratio: f64,
    /// Mean policy minus reference log-probability of the rejected responses, in nats.
    #[serde(with = "nan_as_null")]
    pub rejected_log_ratio: f64,
    /// Share of groups whose anchors' reward exceeds that of the rejected response.
    #[serde(with = "nan_as_null")]
    pub reward_accuracy: f64,
    /// Mean reward of the anchors minus that of the rejected response.
    #[serde(with = "nan_as_null")]
    pub reward_margin: f64,
    /// Negative log-likelihood of the anchors, in nats per token.
    #[serde(with = "nan_as_null")]
    pub anchor_nll: f64,
    /// Negative log-likelihood of the rejected responses, in nats per token.
    #[serde(with = "nan_as_null")]
    pub rejected_nll: f64,
    /// Global norm of the gradient before clipping.
    #[serde(with = "nan_as_null")]
    pub grad_norm: f64,
    /// Mean KL from the base on the step's retain rows, in nats per token; absent without such rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_kl: Option<f64>,
    /// Mean KL from the base at the anchors' positions, in nats per token; absent without such a penalty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor_kl: Option<f64>,
}

impl StepFigures {
    /// The first figure that ends a run because it is not finite, with its name.
    #[must_use]
    pub fn non_finite(&self) -> Option<(&'static str, f64)> {
        [
            ("the loss", self.loss),
            ("the gradient norm", self.grad_norm),
            ("the retain rows' KL", self.retain_kl.unwrap_or_default()),
            ("the anchors' KL", self.anchor_kl.unwrap_or_default()),
            ("the anchors' log-ratio", self.anchor_log_ratio),
            ("the rejected answers' log-ratio", self.rejected_log_ratio),
        ]
        .into_iter()
        .find(|(_, value)| !value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_figure_that_is_not_finite_is_named() {
        let fine = StepFigures::default();
        assert_eq!(fine.non_finite(), None);
        let kl = StepFigures { retain_kl: Some(f64::INFINITY), anchor_log_ratio: f64::NAN, ..fine };
        assert_eq!(kl.non_finite(), Some(("the retain rows' KL", f64::INFINITY)));
        let loss = StepFigures { loss: f64::NAN, ..kl };
        assert_eq!(loss.non_finite().unwrap().0, "the loss");
        // A likelihood that is not a number is shown as a gap; it does not end a run.
        assert_eq!(StepFigures { anchor_nll: f64::NAN, ..fine }.non_finite(), None);
    }
}
