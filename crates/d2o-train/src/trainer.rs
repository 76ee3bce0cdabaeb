//! A run's settings: what a [`Trainer`] is built from.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use d2o_model::CausalLm;
use d2o_model::responses::Chunking;
use d2o_objective::{Guards, ObjectiveConfig};

use crate::activation_cache::ActivationCacheConfig;
use crate::checkpoint::Checkpoint;
use crate::error::TrainError;
use crate::group::TrainingGroup;
use crate::guarded::GuardedObjective;
use crate::monitor::{Monitor, PeriodicEvaluation, ValidationSet};
use crate::optim::adamw::AdamW;
use crate::optim::order::Order;
use crate::optim::schedule::Schedule;
use crate::penalty::{AnchorKl, Retain};
use crate::redraw::Redraw;
use crate::state::State;
use crate::stop::StopRules;
use d2o_record::{Event, Observers};

/// Positions whose logits are held at once, where nothing else is said: at a vocabulary of 50,000 about 50 MB.
pub const HEAD_ROWS: usize = 256;

/// A run that is ready to train: an objective, groups, and how to go about it. Built by [`Trainer::builder`].
pub struct Trainer<'a> {
    pub(crate) loss: GuardedObjective,
    pub(crate) groups: &'a [TrainingGroup],
    pub(crate) order: Order,
    pub(crate) schedule: Schedule,
    pub(crate) optimizer: AdamW,
    pub(crate) max_grad_norm: f64,
    pub(crate) chunking: Chunking,
    pub(crate) activation_cache: ActivationCacheConfig,
    pub(crate) live_reference: Option<&'a CausalLm>,
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
    /// A run over `groups`, with defaults for everything else.
    #[must_use]
    pub fn builder(groups: &'a [TrainingGroup]) -> TrainerBuilder<'a> {
        TrainerBuilder::new(groups)
    }

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
        let Some(reference) = self.live_reference else {
            return group;
        };
        let mut group = group.into_owned();
        group.score_reference(reference, self.chunking);
        Cow::Owned(group)
    }
}

/// Builds a [`Trainer`]; every knob has a default, and new ones break nobody.
///
/// | knob | default |
/// |---|---|
/// | [`objective`](Self::objective) | D²O with its published strengths, `ObjectiveConfig::default()` |
/// | [`guards`](Self::guards) | all off |
/// | [`groups_per_step`](Self::groups_per_step), [`seed`](Self::seed) | 4, 0 |
/// | [`steps`](Self::steps), [`epochs`](Self::epochs) | one epoch |
/// | [`learning_rate`](Self::learning_rate), [`schedule`](Self::schedule) | 5e-5, 3 steps of warm-up, cosine to a tenth |
/// | [`optimizer`](Self::optimizer) | AdamW, β 0.9 and 0.999, ε 1e-8, no weight decay |
/// | [`max_grad_norm`](Self::max_grad_norm) | 1.0 |
/// | [`chunking`](Self::chunking) | 512 tokens a pass, logits of 256 positions at once |
/// | [`activation_cache`](Self::activation_cache) | keeps nothing |
/// | [`live_reference`](Self::live_reference) | none: the groups' stored scores |
/// | [`retain`](Self::retain), [`anchor_kl`](Self::anchor_kl), [`redraw`](Self::redraw) | none |
/// | [`stop`](Self::stop), [`validation`](Self::validation), [`held_out_negatives`](Self::held_out_negatives) | `StopRules::default()`, empty, empty |
/// | [`evaluation`](Self::evaluation) | none |
/// | [`log_every`](Self::log_every) | 1 |
/// | [`checkpoints`](Self::checkpoints) | none |
#[must_use]
pub struct TrainerBuilder<'a> {
    groups: &'a [TrainingGroup],
    loss: GuardedObjective,
    groups_per_step: usize,
    seed: u64,
    epochs: usize,
    schedule: Schedule,
    optimizer: AdamW,
    max_grad_norm: f64,
    chunking: Chunking,
    activation_cache: ActivationCacheConfig,
    live_reference: Option<&'a CausalLm>,
    retain: Option<Retain<'a>>,
    anchor_kl: Option<AnchorKl<'a>>,
    redraw: Option<Redraw<'a>>,
    monitor: Monitor<'a>,
    log_every: usize,
    checkpoints: Option<Checkpoints>,
}

impl<'a> TrainerBuilder<'a> {
    fn new(groups: &'a [TrainingGroup]) -> Self {
        Self {
            groups,
            loss: GuardedObjective::from(ObjectiveConfig::default()),
            groups_per_step: 4,
            seed: 0,
            epochs: 1,
            schedule: Schedule::default(),
            optimizer: AdamW::default(),
            max_grad_norm: 1.0,
            chunking: Chunking { tokens: 512, head_rows: HEAD_ROWS },
            activation_cache: ActivationCacheConfig::default(),
            live_reference: None,
            retain: None,
            anchor_kl: None,
            redraw: None,
            monitor: Monitor::default(),
            log_every: 1,
            checkpoints: None,
        }
    }

    /// The loss.
    pub fn objective(mut self, objective: ObjectiveConfig) -> Self {
        self.loss.objective = objective;
        self
    }

    /// What limits the loss in a long run.
    pub fn guards(mut self, guards: Guards) -> Self {
        self.loss.guards = guards;
        self
    }

    /// Groups in one optimizer step, at least 1.
    pub fn groups_per_step(mut self, groups: usize) -> Self {
        self.groups_per_step = groups;
        self
    }

    /// Seed of the order of groups.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Optimizer steps of the whole run; 0 follows [`epochs`](Self::epochs).
    pub fn steps(mut self, steps: usize) -> Self {
        self.schedule.steps = steps;
        self
    }

    /// Passes over the groups, where no number of steps is given.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Peak of the learning rate.
    pub fn learning_rate(mut self, rate: f64) -> Self {
        self.schedule.peak = rate;
        self
    }

    /// Learning rate over the run, its peak and length included; a length of 0 follows [`epochs`](Self::epochs).
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// AdamW's knobs.
    pub fn optimizer(mut self, optimizer: AdamW) -> Self {
        self.optimizer = optimizer;
        self
    }

    /// Largest global gradient norm; 0 does not clip.
    pub fn max_grad_norm(mut self, norm: f64) -> Self {
        self.max_grad_norm = norm;
        self
    }

    /// How groups are cut into forward passes: bounds memory, changes no result beyond rounding.
    pub fn chunking(mut self, chunking: Chunking) -> Self {
        self.chunking = chunking;
        self
    }

    /// What is kept of the frozen layers' output between epochs.
    pub fn activation_cache(mut self, config: ActivationCacheConfig) -> Self {
        self.activation_cache = config;
        self
    }

    /// Scores every step's responses with this frozen model instead of trusting the groups' stored scores.
    ///
    /// Costs a forward pass and a read of the device for each group of a step.
    pub fn live_reference(mut self, reference: &'a CausalLm) -> Self {
        self.live_reference = Some(reference);
        self
    }

    /// Ordinary prompts on which the policy is held to the base.
    pub fn retain(mut self, retain: impl Into<Option<Retain<'a>>>) -> Self {
        self.retain = retain.into();
        self
    }

    /// What holds the policy to the base at the anchors' positions.
    pub fn anchor_kl(mut self, penalty: impl Into<Option<AnchorKl<'a>>>) -> Self {
        self.anchor_kl = penalty.into();
        self
    }

    /// Anchors that the policy draws anew while it trains.
    pub fn redraw(mut self, redraw: impl Into<Option<Redraw<'a>>>) -> Self {
        self.redraw = redraw.into();
        self
    }

    /// What ends the run early.
    pub fn stop(mut self, rules: StopRules) -> Self {
        self.monitor.stop = rules;
        self
    }

    /// Ordinary prompts with good answers that the stop rules measure.
    pub fn validation(mut self, set: ValidationSet) -> Self {
        self.monitor.validation = set;
        self
    }

    /// Held-out rejected answers that the stop rules measure.
    pub fn held_out_negatives(mut self, set: ValidationSet) -> Self {
        self.monitor.negatives = set;
        self
    }

    /// Held-out requests that are asked and judged on the way.
    pub fn evaluation(mut self, evaluation: impl Into<Option<PeriodicEvaluation<'a>>>) -> Self {
        self.monitor.evaluation = evaluation.into();
        self
    }

    /// Steps between two reads of the device, at least 1.
    pub fn log_every(mut self, steps: usize) -> Self {
        self.log_every = steps;
        self
    }

    /// Where checkpoints go, and how often.
    pub fn checkpoints(mut self, checkpoints: impl Into<Option<Checkpoints>>) -> Self {
        self.checkpoints = checkpoints.into();
        self
    }

    /// The run.
    ///
    /// # Errors
    /// [`TrainError::Setting`] that names the knob: no groups, a group without anchors or with an empty prompt or response,
    /// a learning rate that is not above 0, an objective or guards out of their range.
    pub fn build(mut self) -> Result<Trainer<'a>, TrainError> {
        self.check()?;
        let order = Order::new(self.groups.len(), self.groups_per_step, self.seed);
        if self.schedule.steps == 0 {
            self.schedule.steps = self.epochs * order.steps_per_epoch();
        }
        Ok(Trainer {
            loss: self.loss,
            groups: self.groups,
            order,
            schedule: self.schedule,
            optimizer: self.optimizer,
            max_grad_norm: self.max_grad_norm,
            chunking: self.chunking,
            activation_cache: self.activation_cache,
            live_reference: self.live_reference,
            retain: self.retain,
            anchor_kl: self.anchor_kl,
            redraw: self.redraw,
            monitor: self.monitor,
            log_every: self.log_every,
            checkpoints: self.checkpoints,
        })
    }

    fn check(&self) -> Result<(), TrainError> {
        let demand = |holds: bool, name: &'static str, expected: &str| match holds {
            true => Ok(()),
            false => Err(TrainError::Setting { name, expected: expected.to_owned() }),
        };
        let whole = |group: &TrainingGroup| {
            let filled = group.responses().iter().all(|ids| !ids.is_empty());
            filled && !group.prompt.is_empty() && !group.anchors.is_empty()
        };
        demand(!self.groups.is_empty(), "groups", "at least one")?;
        if let Some(group) = self.groups.iter().find(|group| !whole(group)) {
            let expected = format!("a prompt, an anchor and a rejected answer with tokens in group `{}`", group.id);
            demand(false, "groups", &expected)?;
        }
        demand(self.groups_per_step > 0, "groups_per_step", "at least 1")?;
        demand(self.schedule.steps > 0 || self.epochs > 0, "epochs", "at least 1 where steps is 0")?;
        let rate = self.schedule.peak;
        demand(rate.is_finite() && rate > 0.0, "learning_rate", "a number above 0")?;
        demand(self.log_every > 0, "log_every", "at least 1")?;
        demand(self.chunking.head_rows > 0, "chunking.head_rows", "at least 1")?;
        let objective = self.loss.objective.validate().map_err(|error| error.to_string());
        demand(objective.is_ok(), "objective", &objective.err().unwrap_or_default())?;
        let guards = self.loss.guards.validate().map_err(|error| error.to_string());
        demand(guards.is_ok(), "guards", &guards.err().unwrap_or_default())?;
        let every = self.redraw.as_ref().map_or(1, |redraw| redraw.every);
        demand(every > 0, "redraw.every", "at least 1")
    }
}
