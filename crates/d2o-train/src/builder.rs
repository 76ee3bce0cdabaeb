//! Builds a [`Trainer`]: every knob with its default.

use d2o_model::responses::Chunking;
use d2o_model::{CausalLm, Precision};
use d2o_objective::{Guards, ObjectiveConfig};

use crate::activation_cache::ActivationCacheConfig;
use crate::error::TrainError;
use crate::gradient::GuardedObjective;
use crate::group::TrainingGroup;
use crate::monitor::{Monitor, PeriodicEvaluation, ValidationSet};
use crate::optim::adamw::AdamW;
use crate::optim::order::Order;
use crate::optim::schedule::Schedule;
use crate::penalty::{AnchorKl, Retain};
use crate::redraw::Redraw;
use crate::stop::StopRules;
use crate::trainer::{Checkpoints, HEAD_ROWS, Trainer};

impl<'a> Trainer<'a> {
    /// A run over `groups`, with defaults for everything else.
    pub fn builder(groups: &'a [TrainingGroup]) -> TrainerBuilder<'a> {
        TrainerBuilder::new(groups)
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
/// | [`precision`](Self::precision) | `Precision::F32` |
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
    precision: Precision,
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
            precision: Precision::F32,
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

    /// Precision of products, forward and backward. The policy's products are computed so whatever the model says that is
    /// trained; stored reference scores, and the bases of penalties, have to be of the same precision.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
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
    /// an objective or guards out of their range or that do not go together, and any other number out of its range.
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
            precision: self.precision,
            chunking: self.chunking,
            activation_cache: self.activation_cache,
            live_reference: self.live_reference.map(|reference| {
                let mut reference = reference.clone().with_precision(self.precision);
                reference.pack_weights();
                reference
            }),
            retain: self.retain,
            anchor_kl: self.anchor_kl,
            redraw: self.redraw,
            monitor: self.monitor,
            log_every: self.log_every,
            checkpoints: self.checkpoints,
        })
    }

    fn check(&self) -> Result<(), TrainError> {
        self.check_groups()?;
        self.check_loss()?;
        self.check_schedule()?;
        self.check_optimizer()?;
        demand(self.log_every > 0, "log_every", "at least 1")?;
        demand(self.chunking.head_rows > 0, "chunking.head_rows", "at least 1")?;
        self.check_bases()?;
        let redraws = self.redraw.as_ref().is_none_or(|redraw| redraw.every > 0);
        demand(redraws, "redraw.every", "at least 1")?;
        let evaluates = self.monitor.evaluation.as_ref().is_none_or(|evaluation| evaluation.every > 0);
        demand(evaluates, "evaluation.every", "at least 1")?;
        let keeps = self.checkpoints.as_ref().is_none_or(|checkpoints| checkpoints.keep > 0);
        demand(keeps, "checkpoints.keep", "at least 1")
    }

    fn check_bases(&self) -> Result<(), TrainError> {
        let expected = format!("a model of the run's precision, {}", self.precision.name());
        let fits = |base: &CausalLm| base.precision() == self.precision;
        demand(self.retain.as_ref().is_none_or(|retain| fits(retain.base)), "retain.base", &expected)?;
        demand(self.anchor_kl.as_ref().is_none_or(|penalty| fits(penalty.base)), "anchor_kl.base", &expected)
    }

    fn check_groups(&self) -> Result<(), TrainError> {
        let whole = |group: &TrainingGroup| {
            let filled = group.responses().iter().all(|ids| !ids.is_empty());
            filled && !group.prompt.is_empty() && !group.anchors.is_empty()
        };
        demand(!self.groups.is_empty(), "groups", "at least one")?;
        if let Some(group) = self.groups.iter().find(|group| !whole(group)) {
            let expected = format!("a prompt, an anchor and a rejected answer with tokens in group `{}`", group.id);
            demand(false, "groups", &expected)?;
        }
        demand(self.groups_per_step > 0, "groups_per_step", "at least 1")
    }

    fn check_loss(&self) -> Result<(), TrainError> {
        let GuardedObjective { objective, guards } = self.loss;
        let refusal = objective.validate().err().map(|error| error.to_string());
        demand(refusal.is_none(), "objective", &refusal.unwrap_or_default())?;
        let refusal = guards.validate().err().map(|error| error.to_string());
        demand(refusal.is_none(), "guards", &refusal.unwrap_or_default())?;
        let whole = objective.couples_groups() || objective.needs_avoidance();
        let expected = format!(
            "all but `anchor_kl` off for `{}`, which does not weigh each answer by its own score",
            objective.name()
        );
        demand(!(whole && guards.act_on_scores()), "guards", &expected)
    }

    fn check_schedule(&self) -> Result<(), TrainError> {
        let Schedule { peak, steps, final_fraction, .. } = self.schedule;
        demand(steps > 0 || self.epochs > 0, "epochs", "at least 1 where steps is 0")?;
        demand(peak.is_finite() && peak > 0.0, "learning_rate", "a number above 0")?;
        demand((0.0..=1.0).contains(&final_fraction), "schedule.final_fraction", "a number from 0 to 1")
    }

    fn check_optimizer(&self) -> Result<(), TrainError> {
        let AdamW { beta1, beta2, epsilon, weight_decay } = self.optimizer;
        let (below_one, above_zero) = ("a number from 0 to below 1", "a number above 0");
        demand((0.0..1.0).contains(&beta1), "optimizer.beta1", below_one)?;
        demand((0.0..1.0).contains(&beta2), "optimizer.beta2", below_one)?;
        demand(epsilon.is_finite() && epsilon > 0.0, "optimizer.epsilon", above_zero)?;
        let from_zero = "a number from 0 on";
        demand(weight_decay.is_finite() && weight_decay >= 0.0, "optimizer.weight_decay", from_zero)?;
        demand(self.max_grad_norm >= 0.0, "max_grad_norm", from_zero)
    }
}

/// Refuses the knob `name` unless it `holds`.
fn demand(holds: bool, name: &'static str, expected: &str) -> Result<(), TrainError> {
    match holds {
        true => Ok(()),
        false => Err(TrainError::Setting { name, expected: expected.to_owned() }),
    }
}
