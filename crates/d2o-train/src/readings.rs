//! A step's figures: kept on the device until the log interval ends, then read in one go.

use burn::tensor::Tensor;
use d2o_objective::{Group, Loss, ObjectiveConfig};

/// Names of the figures, in the order of [`Readings`]' columns.
const COLUMNS: usize = 13;

/// Figures of one step, means over its groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepFigures {
    /// Mean loss, nats.
    pub loss: f64,
    /// Mean argument of the link.
    pub h: f64,
    /// Mean weight of the gradient.
    pub weight: f64,
    /// Anchors' mean log-ratio, nats.
    pub anchor_log_ratio: f64,
    /// Rejected answers' mean log-ratio, nats.
    pub rejected_log_ratio: f64,
    /// Share of groups whose anchors are ahead.
    pub reward_accuracy: f64,
    /// Mean reward margin.
    pub reward_margin: f64,
    /// Anchors' negative log-likelihood, nats per token, mean over groups.
    pub anchor_nll: f64,
    /// Rejected answers' negative log-likelihood, nats per token, mean over groups.
    pub rejected_nll: f64,
    /// How far the anchors fell below the reference, nats per token, mean over groups.
    pub anchor_fall: f64,
    /// Global gradient norm before clipping.
    pub grad_norm: f64,
    /// Mean KL of the step's retain rows, nats per token; 0 without such rows.
    pub retain_kl: f64,
    /// Mean KL at the anchors' positions, nats per token; 0 without such a penalty.
    pub anchor_kl: f64,
}

/// Steps whose figures have not been read yet.
#[derive(Default)]
pub struct Readings {
    rows: Vec<Tensor<1>>,
}

/// The figures of one group, `[10]`: all columns but those of the whole step.
pub fn group_figures(objective: &ObjectiveConfig, group: &Group) -> Tensor<1> {
    figures_of(objective.forward(group), group)
}

/// The same from a loss that is known already.
pub(crate) fn figures_of(loss: Loss, group: &Group) -> Tensor<1> {
    let figures = loss.diagnostics;
    let anchor_tokens = group.anchors.tokens.clone().sum();
    let anchor_nll = group.anchors.policy.clone().sum().neg() / anchor_tokens.clone();
    let rejected_nll = group.rejected.policy.clone().neg() / group.rejected.tokens.clone();
    let anchor_fall = group.anchors.log_ratio().sum().neg() / anchor_tokens;
    Tensor::cat(
        vec![
            loss.per_example,
            figures.h,
            figures.w,
            figures.anchor_log_ratio,
            figures.rejected_log_ratio,
            figures.reward_accuracy,
            figures.reward_margin,
            anchor_nll,
            rejected_nll,
            anchor_fall,
        ],
        0,
    )
}

impl Readings {
    /// Takes note of a step: its groups' figures, the gradient norm and the KL of retain rows and of anchors, all `[1]`.
    pub fn push(
        &mut self,
        groups: Vec<Tensor<1>>,
        grad_norm: Tensor<1>,
        [retain_kl, anchor_kl]: [Option<Tensor<1>>; 2],
    ) {
        let [retain_kl, anchor_kl] = [retain_kl, anchor_kl].map(|kl| kl.unwrap_or_else(|| grad_norm.zeros_like()));
        let mean: Tensor<1> = Tensor::stack::<2>(groups, 0).mean_dim(0).squeeze_dim(0);
        self.rows.push(Tensor::cat(vec![mean, grad_norm, retain_kl, anchor_kl], 0));
    }

    /// Steps not read yet.
    pub fn pending(&self) -> usize {
        self.rows.len()
    }

    /// Reads everything that is pending, in one transfer.
    pub fn read(&mut self) -> Vec<StepFigures> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let data = Tensor::cat(std::mem::take(&mut self.rows), 0).into_data();
        let values: Vec<f64> = data.iter::<f64>().collect();
        values.chunks_exact(COLUMNS).map(StepFigures::from_row).collect()
    }
}

impl StepFigures {
    fn from_row(row: &[f64]) -> Self {
        let [
            loss,
            h,
            weight,
            anchor_log_ratio,
            rejected_log_ratio,
            reward_accuracy,
            reward_margin,
            anchor_nll,
            rejected_nll,
            anchor_fall,
            grad_norm,
            retain_kl,
            anchor_kl,
        ] = row
        else {
            unreachable!("a row has {COLUMNS} figures")
        };
        Self {
            loss: *loss,
            h: *h,
            weight: *weight,
            anchor_log_ratio: *anchor_log_ratio,
            rejected_log_ratio: *rejected_log_ratio,
            reward_accuracy: *reward_accuracy,
            reward_margin: *reward_margin,
            anchor_nll: *anchor_nll,
            rejected_nll: *rejected_nll,
            anchor_fall: *anchor_fall,
            grad_norm: *grad_norm,
            retain_kl: *retain_kl,
            anchor_kl: *anchor_kl,
        }
    }

    /// The first figure that is not finite, with its name.
    pub fn non_finite(&self) -> Option<(&'static str, f64)> {
        [
            ("the loss", self.loss),
            ("the gradient norm", self.grad_norm),
            ("the retain rows' KL", self.retain_kl),
            ("the anchors' KL", self.anchor_kl),
            ("the anchors' log-ratio", self.anchor_log_ratio),
            ("the rejected answers' log-ratio", self.rejected_log_ratio),
        ]
        .into_iter()
        .find(|(_, value)| !value.is_finite())
    }
}
