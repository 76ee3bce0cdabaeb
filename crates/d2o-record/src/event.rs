//! What a run says about itself: one [`Event`] a happening.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metric::Metric;
use crate::nan_as_null;
use crate::step::StepFigures;

/// Something that happened during a run.
///
/// Log-ratios, log-probabilities and losses are in nats, lengths in tokens, durations in seconds.
/// A number that is not finite is written as `null` and read back as NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Training is about to take its first step, or the first one after a checkpoint.
    RunStarted {
        /// Version of this program.
        version: String,
        /// The one seed from which all randomness follows.
        seed: u64,
        /// The model as the run names it: a directory, a file or a reference.
        model: String,
        /// Name of the backend that computes.
        backend: String,
        /// The precision of products, such as `f32` or, with the instructions that multiply, `bf16 (avx512-bf16)`; empty
        /// in records of before there was a choice.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        precision: String,
        /// Name of the objective, such as `d2o`.
        objective: String,
        /// Number of scalar parameters in the model.
        parameters_total: u64,
        /// Number of them that this run trains.
        parameters_trained: u64,
        /// Number of groups: a prompt with its rejected response and its anchors.
        groups: usize,
        /// Anchors in each group, the K of the loss.
        anchors_per_group: usize,
        /// Optimizer steps in the whole run.
        steps: usize,
        /// The step whose checkpoint this run continues; absent for a fresh run.
        resumed_from: Option<usize>,
    },
    /// A stage begins.
    StageStarted {
        /// Name of the stage, such as `anchors`.
        stage: String,
    },
    /// A stage had nothing to do.
    StageSkipped {
        /// Name of the stage.
        stage: String,
        /// Why, such as `the store is fresh`.
        reason: String,
    },
    /// A stage is done.
    StageFinished {
        /// Name of the stage.
        stage: String,
        /// Seconds that it took.
        wall_s: f64,
        /// One line about what it made.
        detail: String,
    },
    /// A stage other than training moved on.
    Progress {
        /// Name of the stage.
        stage: String,
        /// Units done so far.
        done: usize,
        /// Units in all; 0 when unknown.
        total: usize,
        /// What is counted, in the plural, such as `prompts`.
        unit: String,
    },
    /// An optimizer step was taken. Means are over the groups of the step.
    Step {
        /// Number of the step, from 1.
        step: usize,
        /// Optimizer steps in the whole run.
        steps: usize,
        /// Passes over the data completed so far.
        epoch: f64,
        /// The figures of the step.
        #[serde(flatten)]
        figures: StepFigures,
        /// Whether the gradient was scaled down.
        clipped: bool,
        /// Learning rate of this step.
        learning_rate: f64,
        /// Tokens put through the model since the previous such event.
        tokens: usize,
        /// Seconds since the previous such event.
        wall_s: f64,
        /// Processor seconds, over all threads, since the previous such event.
        cpu_s: f64,
        /// Resident memory, in MiB; 0 where the system does not tell.
        rss_mb: f64,
    },
    /// An optimizer step of pretraining was taken.
    PretrainStep {
        /// Number of the step, from 1.
        step: usize,
        /// Optimizer steps in the whole run.
        steps: usize,
        /// Passes over the data completed so far.
        epoch: f64,
        /// Negative log-likelihood of the predicted tokens, in nats per token.
        #[serde(with = "nan_as_null")]
        loss: f64,
        /// Global norm of the gradient before clipping.
        #[serde(with = "nan_as_null")]
        grad_norm: f64,
        /// Learning rate of this step.
        learning_rate: f64,
        /// Predicted tokens of this step.
        tokens: usize,
        /// Share of the batch's places that hold no token, because its rows differ in length.
        #[serde(default)]
        padding_share: f64,
        /// Seconds since the previous such event.
        wall_s: f64,
        /// Processor seconds, over all threads, since the previous such event.
        cpu_s: f64,
        /// Resident memory, in MiB; 0 where the system does not tell.
        rss_mb: f64,
    },
    /// The policy drew the anchors of the coming steps anew.
    AnchorsRedrawn {
        /// Number of the first step that sees them, from 1.
        step: usize,
        /// Groups with new anchors.
        groups: usize,
        /// New anchors in all.
        anchors: usize,
        /// Drafts thrown away.
        dropped: usize,
        /// Groups of which no draft passed: the store's anchors serve them.
        left_to_the_store: usize,
        /// Seconds that it took.
        wall_s: f64,
    },
    /// A periodic evaluation: held-out prompts were answered while training went on. Tagged `looked` in JSON.
    #[serde(rename = "looked")]
    Evaluated {
        /// The step after which it was; 0 is the base.
        step: usize,
        /// Answers that were judged.
        answers: usize,
        /// Its figures.
        #[serde(with = "nan_as_null::values")]
        figures: BTreeMap<Metric, f64>,
    },
    /// A stop rule was checked.
    Guard {
        /// The step after which it was.
        step: usize,
        /// Name of the rule, such as `anchor_kl`.
        name: String,
        /// What was measured.
        #[serde(with = "nan_as_null")]
        value: f64,
        /// Where the rule stops the run.
        #[serde(with = "nan_as_null")]
        limit: f64,
        /// Whether it does.
        tripped: bool,
    },
    /// A checkpoint is on disk.
    Checkpoint {
        /// The step whose state it holds.
        step: usize,
        /// Where it lies, relative to the run directory.
        path: String,
    },
    /// A stop rule ended training before its last step.
    Stopped {
        /// The last step taken.
        step: usize,
        /// Which rule, and by how much.
        reason: String,
    },
    /// The user asked to leave; a checkpoint holds the state.
    Interrupted {
        /// The last step taken.
        step: usize,
    },
    /// Something the user should know that stops nothing.
    Warning {
        /// One line.
        message: String,
    },
    /// Training is over.
    Finished {
        /// Optimizer steps taken, those before a resume included.
        steps: usize,
        /// Seconds spent since the run started or resumed.
        wall_s: f64,
    },
}

impl Event {
    /// The optimizer step that the event belongs to, where it belongs to one.
    #[must_use]
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::Step { step, .. }
            | Self::PretrainStep { step, .. }
            | Self::AnchorsRedrawn { step, .. }
            | Self::Evaluated { step, .. }
            | Self::Guard { step, .. }
            | Self::Checkpoint { step, .. }
            | Self::Stopped { step, .. }
            | Self::Interrupted { step } => Some(*step),
            _ => None,
        }
    }
}
