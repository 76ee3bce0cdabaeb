//! What a run says about itself: one [`Event`] a happening, and the [`Observers`] that hear it.
//!
//! The trainer emits data; observers draw it. They are handed `&Event` and nothing else, so that
//! a run without observers computes exactly what a run with all of them does.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

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
        /// Mean loss, in nats.
        #[serde(deserialize_with = "null_is_nan")]
        loss: f64,
        /// Mean argument of the sigmoid.
        #[serde(deserialize_with = "null_is_nan")]
        h: f64,
        /// Mean weight of the gradient, `σ(−h)` for D²O.
        #[serde(deserialize_with = "null_is_nan")]
        weight: f64,
        /// Mean over anchors of policy minus reference log-probability, in nats.
        #[serde(deserialize_with = "null_is_nan")]
        anchor_log_ratio: f64,
        /// Mean policy minus reference log-probability of the rejected responses, in nats.
        #[serde(deserialize_with = "null_is_nan")]
        rejected_log_ratio: f64,
        /// Share of groups whose anchors' reward exceeds that of the rejected response.
        #[serde(deserialize_with = "null_is_nan")]
        reward_accuracy: f64,
        /// Mean reward of the anchors minus that of the rejected response.
        #[serde(deserialize_with = "null_is_nan")]
        reward_margin: f64,
        /// Negative log-likelihood of the anchors, in nats per token.
        #[serde(deserialize_with = "null_is_nan")]
        anchor_nll: f64,
        /// Negative log-likelihood of the rejected responses, in nats per token.
        #[serde(deserialize_with = "null_is_nan")]
        rejected_nll: f64,
        /// Global norm of the gradient before clipping.
        #[serde(deserialize_with = "null_is_nan")]
        grad_norm: f64,
        /// Mean KL from the base on the step's retain rows, in nats per token; absent without such rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retain_kl: Option<f64>,
        /// Mean KL from the base at the anchors' positions, in nats per token; absent without such a penalty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anchor_kl: Option<f64>,
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
        #[serde(deserialize_with = "null_is_nan")]
        loss: f64,
        /// Global norm of the gradient before clipping.
        #[serde(deserialize_with = "null_is_nan")]
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
    /// Held-out requests were asked while training went on (`eval.look_every`).
    Looked {
        /// The step after which they were; 0 is the base.
        step: usize,
        /// Answers that were read.
        answers: usize,
        /// Figures of them by name, named as in `eval.json`.
        figures: BTreeMap<String, f64>,
    },
    /// A stop rule was looked at.
    Guard {
        /// The step after which it was.
        step: usize,
        /// Name of the rule, such as `anchor_kl`.
        name: String,
        /// What was measured.
        #[serde(deserialize_with = "null_is_nan")]
        value: f64,
        /// Where the rule stops the run.
        #[serde(deserialize_with = "null_is_nan")]
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
            | Self::Looked { step, .. }
            | Self::Guard { step, .. }
            | Self::Checkpoint { step, .. }
            | Self::Stopped { step, .. }
            | Self::Interrupted { step } => Some(*step),
            _ => None,
        }
    }
}

/// JSON has no NaN: it is written as `null`, and this reads it back.
fn null_is_nan<'de, D: Deserializer<'de>>(source: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(source)?.unwrap_or(f64::NAN))
}

/// Someone who watches a run.
pub trait Observer {
    /// Takes note of one event.
    ///
    /// # Errors
    /// When the event cannot be recorded, for example on a full disk.
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError>;
}

/// All who watch a run, in the order in which they hear of each event.
#[derive(Default)]
pub struct Observers(Vec<Box<dyn Observer>>);

impl Observers {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets one more watch.
    pub fn add(&mut self, observer: impl Observer + 'static) {
        self.0.push(Box::new(observer));
    }

    /// The same observers and one more.
    #[must_use]
    pub fn with(mut self, observer: impl Observer + 'static) -> Self {
        self.add(observer);
        self
    }

    /// Tells everyone, also those after one that fails.
    ///
    /// # Errors
    /// The first failure among them.
    pub fn emit(&mut self, event: &Event) -> Result<(), ObserveError> {
        let mut outcome = Ok(());
        for observer in &mut self.0 {
            outcome = outcome.and(observer.observe(event));
        }
        outcome
    }

    /// Does `work` and tells how much of `total` is done whenever it says so.
    ///
    /// # Errors
    /// Those of `work`, or else the first failure to tell.
    pub fn watch<T, E: From<ObserveError>>(
        &mut self,
        stage: &str,
        (total, unit): (usize, &str),
        work: impl FnOnce(&mut dyn FnMut(usize)) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut told = Ok(());
        let result = work(&mut |done| {
            if told.is_ok() {
                let (stage, unit) = (stage.to_owned(), unit.to_owned());
                told = self.emit(&Event::Progress { stage, done, total, unit });
            }
        })?;
        told?;
        Ok(result)
    }
}

/// Why an event, or the file of events, could not be dealt with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The file of events could not be opened, read or written.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: `open`, `append`, …
        action: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line of the file of events is not an event.
    #[error("{}:{line}: not an event", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

impl ObserveError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { path, .. } => {
                let folder = path.parent().unwrap_or(path).display();
                Some(format!("see that {folder} is writable and its disk has room"))
            }
            Self::Malformed { path, line, .. } => Some(format!(
                "only a last line may be torn; remove line {line} from {} or start in another directory",
                path.display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::ErrorKind;
    use std::rc::Rc;

    use super::*;

    struct Counting(Rc<Cell<usize>>);

    impl Observer for Counting {
        fn observe(&mut self, _: &Event) -> Result<(), ObserveError> {
            self.0.set(self.0.get() + 1);
            Ok(())
        }
    }

    struct Failing(&'static str);

    impl Observer for Failing {
        fn observe(&mut self, _: &Event) -> Result<(), ObserveError> {
            Err(ObserveError::Io {
                path: PathBuf::from(self.0),
                action: "append",
                source: ErrorKind::StorageFull.into(),
            })
        }
    }

    #[test]
    fn one_that_fails_keeps_nobody_from_hearing() {
        let heard = Rc::new(Cell::new(0));
        let mut observers = Observers::new()
            .with(Counting(heard.clone()))
            .with(Failing("first"))
            .with(Failing("second"))
            .with(Counting(heard.clone()));
        let error = observers.emit(&Event::Interrupted { step: 1 }).unwrap_err();
        assert_eq!(error.to_string(), "first: cannot append");
        assert_eq!(heard.get(), 2);
    }

    #[test]
    fn nobody_is_enough() {
        let event = Event::Interrupted { step: 1 };
        assert!(Observers::new().emit(&event).is_ok());
        assert_eq!(event.step(), Some(1));
    }
}
