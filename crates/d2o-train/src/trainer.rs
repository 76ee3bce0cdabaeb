//! A run's settings.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use d2o_model::responses::Chunking;
use d2o_model::{CausalLm, Precision};

use crate::activation_cache::ActivationCacheConfig;
use crate::checkpoint::Checkpoint;
use crate::error::TrainError;
use crate::group::TrainingGroup;
use crate::guarded::GuardedObjective;
use crate::monitor::Monitor;
use crate::optim::adamw::AdamW;
use crate::optim::order::Order;
use crate::optim::schedule::Schedule;
use crate::penalty::{AnchorKl, Retain};
use crate::redraw::Redraw;
use crate::state::State;
use d2o_record::{Event, Observers};

/// Positions whose logits are held at once, where nothing else is said: at a vocabulary of 50,000 about 50 MB.
pub const HEAD_ROWS: usize = 256;

/// A run that is ready to train: an objective, groups, and how to go about it. Built by [`Trainer::builder`](crate::Trainer::builder).
pub struct Trainer<'a> {
    pub(crate) loss: GuardedObjective,
    pub(crate) groups: &'a [TrainingGroup],
    pub(crate) order: Order,
    pub(crate) schedule: Schedule,
    pub(crate) optimizer: AdamW,
    pub(crate) max_grad_norm: f64,
    pub(crate) precision: Precision,
    pub(crate) chunking: Chunking,
    pub(crate) activation_cache: ActivationCacheConfig,
    pub(crate) live_reference: Option<CausalLm>,
    pub(crate) retain: Option<Retain<'a>>,
    pub(crate) anchor_kl: Option<AnchorKl<'a>>,
    pub(crate) redraw: Option<Redraw<'a>>,
    pub(crate) monitor: Monitor<'a>,
    pub(crate) log_every: usize,
    pub(crate) checkpoints: Option<Checkpoints>,
}

/// Where checkpoints go, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// Their directory.
    pub dir: PathBuf,
    /// Steps between two checkpoints; 0 writes only the last one.
    pub every: usize,
    /// Checkpoints that stay on disk, at least 1.
    pub keep: usize,
    /// What the run was made from; a checkpoint with another fingerprint is refused.
    pub fingerprint: String,
}

impl Checkpoints {
    /// One every 10 steps below `dir`, the newest two kept, for the run with this fingerprint.
    #[must_use]
    pub fn new(dir: &Path, fingerprint: &str) -> Self {
        Self { dir: dir.to_path_buf(), every: 10, keep: 2, fingerprint: fingerprint.to_owned() }
    }
}

impl<'a> Trainer<'a> {
    /// Steps of the whole run.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.schedule.steps
    }

    /// The newest intact checkpoint of this run, if there is one; damaged ones are told to the observers.
    ///
    /// # Errors
    /// [`TrainError::Stale`] if it belongs to another run.
    pub fn checkpoint(&self, observers: &mut Observers) -> Result<Option<Checkpoint>, TrainError> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(None);
        };
        let (checkpoint, damaged) = Checkpoint::newest(&checkpoints.dir, &checkpoints.fingerprint)?;
        for message in damaged {
            observers.emit(&Event::Warning { message: format!("skipped: {message}") })?;
        }
        Ok(checkpoint)
    }

    /// Group `index` as it trains now: with the anchors in force, and the scores of a live reference if there is one.
    pub(crate) fn group(&self, index: usize, state: &State) -> Cow<'a, TrainingGroup> {
        let group = state.redrawn.group(index, &self.groups[index]);
        let Some(reference) = &self.live_reference else {
            return group;
        };
        let mut group = group.into_owned();
        group.score_reference(reference, self.chunking);
        Cow::Owned(group)
    }
}
