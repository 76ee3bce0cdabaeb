//! A step's figures: kept on the device until the log interval ends, then read in one go.

use burn::tensor::Tensor;
use d2o_objective::{Group, Loss, ObjectiveConfig};
use d2o_record::StepFigures;

/// Names of the figures, in the order of [`Readings`]' columns.
const COLUMNS: usize = 13;

/// A step that was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadStep {
    /// Its figures.
    pub figures: StepFigures,
    /// How far the anchors fell below the reference, nats per token, mean over groups.
    pub anchor_fall: f64,
}

/// Steps whose figures have not been read yet.
#[derive(Default)]
pub struct Readings {
    rows: Vec<Tensor<1>>,
    /// Whether a step has the KL of retain rows and of anchors.
    kl: Vec<[bool; 2]>,
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
        self.kl.push([retain_kl.is_some(), anchor_kl.is_some()]);
        let [retain_kl, anchor_kl] = [retain_kl, anchor_kl].map(|kl| kl.unwrap_or_else(|| grad_norm.zeros_like()));
        let mean: Tensor<1> = Tensor::stack::<2>(groups, 0).mean_dim(0).squeeze_dim(0);
        self.rows.push(Tensor::cat(vec![mean, grad_norm, retain_kl, anchor_kl], 0));
    }

    /// Steps not read yet.
    pub fn pending(&self) -> usize {
        self.rows.len()
    }

    /// Reads everything that is pending, in one transfer.
    pub fn read(&mut self) -> Vec<ReadStep> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let data = Tensor::cat(std::mem::take(&mut self.rows), 0).into_data();
        let values: Vec<f64> = data.iter::<f64>().collect();
        let kl = std::mem::take(&mut self.kl);
        values.chunks_exact(COLUMNS).zip(kl).map(|(row, kl)| ReadStep::from_row(row, kl)).collect()
    }
}

impl ReadStep {
    fn from_row(row: &[f64], kl: [bool; 2]) -> Self {
        let &[
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
        let figures = StepFigures {
            loss,
            h,
            weight,
            anchor_log_ratio,
            rejected_log_ratio,
            reward_accuracy,
            reward_margin,
            anchor_nll,
            rejected_nll,
            grad_norm,
            retain_kl: kl[0].then_some(retain_kl),
            anchor_kl: kl[1].then_some(anchor_kl),
        };
        Self { figures, anchor_fall }
    }
}
