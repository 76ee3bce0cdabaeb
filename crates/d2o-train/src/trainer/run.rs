//! The training loop, top to bottom.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::tensor::Tensor;
use d2o_model::CausalLm;
use d2o_record::StepFigures;

use super::adamw::AdamW;
use super::anchor_kl::AnchorKl;
use super::checkpoint::{Checkpoint, CheckpointState};
use super::coupled::accumulate_coupled;
use super::gradients::{GradientSum, clip_global_norm};
use super::group::TrainingGroup;
use super::guarded::Guarded;
use super::looks::Looks;
use super::order::Order;
use super::readings::group_figures;
use super::refresh::Refresh;
use super::retain::Retain;
use super::schedule::Schedule;
use super::state::State;
use super::step::{Chunking, GroupPass};
use super::stop::{Reading, StopRules};
use super::trunk::{Trunk, TrunkType};
use super::watch::WatchSet;
use crate::error::TrainError;
use crate::events::{Event, Observers};
use crate::meter::{Meter, memory};

/// Everything that decides what a run computes.
pub struct Training<'a> {
    /// The loss, with its guards.
    pub loss: Guarded,
    /// The groups, with stored reference scores.
    pub groups: &'a [TrainingGroup],
    /// Which groups each step sees.
    pub order: Order,
    /// Learning rate over the run.
    pub schedule: Schedule,
    /// The optimizer's knobs.
    pub adamw: AdamW,
    /// Largest global gradient norm; 0 does not clip.
    pub max_grad_norm: f64,
    /// How groups are cut into forward passes.
    pub chunking: Chunking,
    /// How what enters the first trained layer is kept, and in how many MiB.
    pub trunk: (TrunkType, usize),
    /// What ends the run early.
    pub stop: StopRules,
    /// When anchors are drawn anew; none keeps the store's.
    pub refresh: Option<Refresh<'a>>,
    /// What holds the policy to the base on the anchors.
    pub anchor_kl: Option<AnchorKl<'a>>,
    /// Ordinary prompts on which the policy is held to the base.
    pub retain: Option<Retain<'a>>,
    /// Ordinary prompts with good answers that the stop rules look at.
    pub watch: WatchSet,
    /// Held-out rejected answers that the stop rules look at; empty without such a rule.
    pub negatives: WatchSet,
    /// Steps between two looks at the watch set.
    pub watch_every: usize,
    /// Who asks the model held-out requests on the way; nobody changes no bit of it.
    pub looks: Option<Looks>,
    /// Steps between two reads of the device.
    pub log_every: usize,
    /// Steps between two checkpoints; 0 writes only the last one.
    pub checkpoint_every: usize,
    /// Checkpoints that stay on disk.
    pub keep_checkpoints: usize,
    /// Where checkpoints go.
    pub checkpoints: PathBuf,
    /// What the run was made from; a checkpoint with another one is refused.
    pub fingerprint: String,
}

/// How a run ended.
pub struct Trained {
    /// The model, still tracked.
    pub model: CausalLm,
    /// Optimizer steps taken.
    pub steps: usize,
    /// The stop rule that ended it, if one did.
    pub stopped: Option<String>,
}

impl Training<'_> {
    /// Steps of the whole run.
    pub fn steps(&self) -> usize {
        self.schedule.steps
    }

    /// The newest intact checkpoint of this run, if there is one; damaged ones are told to the observers.
    ///
    /// # Errors
    /// [`TrainError::Stale`] if it belongs to another run.
    pub fn checkpoint(&self, observers: &mut Observers) -> Result<Option<Checkpoint>, TrainError> {
        let (checkpoint, damaged) = Checkpoint::newest(&self.checkpoints, &self.fingerprint)?;
        for message in damaged {
            observers.emit(&Event::Warning { message: format!("skipped: {message}") })?;
        }
        Ok(checkpoint)
    }

    /// Trains `model`, from `checkpoint` if one is given, until the last step, a stop rule or `interrupt`.
    ///
    /// # Errors
    /// Non-finite figures, a failed write, [`TrainError::Interrupted`] after the checkpoint is safe.
    pub fn run(
        &self,
        model: CausalLm,
        checkpoint: Option<Checkpoint>,
        observers: &mut Observers,
        interrupt: &AtomicBool,
    ) -> Result<Trained, TrainError> {
        let began = Instant::now();
        let trunk = Trunk::new(&model, self.trunk.0, self.trunk.1);
        let mut state = State::new(model, self.adamw.optimizer(), trunk);
        if let Some(checkpoint) = checkpoint {
            state = state.resume(checkpoint)?;
        }
        if self.stop.watches() && state.stop.base.is_none() {
            state.stop.base = Some(self.watch.measure(&state.model().frozen(), self.chunking));
        }
        if state.step == 0 {
            self.ask(&mut state, observers)?;
        }
        let session_start = state.wall_s;
        let mut meter = Meter::default();
        while state.step < self.steps() && state.stop.stopped.is_none() {
            if let Err(error) = self.redraw(&mut state, observers, interrupt) {
                if matches!(error, TrainError::Interrupted { .. }) {
                    self.log(&mut state, &mut meter, observers)?;
                    self.save(&state, observers)?;
                    observers.emit(&Event::Interrupted { step: state.step })?;
                }
                return Err(error);
            }
            self.step(&mut state);
            let due = |every: usize| every > 0 && state.step.is_multiple_of(every);
            let last = state.step == self.steps();
            let save = due(self.checkpoint_every) || last || interrupt.load(Ordering::Relaxed);
            let look = (self.stop.watches() || !self.negatives.is_empty()) && due(self.watch_every);
            let ask = self.looks.as_ref().is_some_and(|looks| due(looks.every) || last);
            if due(self.log_every) || save || look || ask {
                self.log(&mut state, &mut meter, observers)?;
            }
            if look {
                self.look(&mut state, observers)?;
            }
            if ask {
                self.ask(&mut state, observers)?;
                // The time that the answers took belongs to no step.
                meter.lap();
            }
            state.wall_s = session_start + began.elapsed().as_secs_f64();
            if save || state.stop.stopped.is_some() {
                self.save(&state, observers)?;
            }
            if interrupt.load(Ordering::Relaxed) && !last {
                observers.emit(&Event::Interrupted { step: state.step })?;
                return Err(TrainError::Interrupted { step: state.step });
            }
        }
        observers.emit(&Event::Finished { steps: state.step, wall_s: began.elapsed().as_secs_f64() })?;
        Ok(Trained { steps: state.step, stopped: state.stop.stopped.clone(), model: state.into_model() })
    }

    /// Draws the anchors of the coming steps anew if that is due.
    fn redraw(&self, state: &mut State, observers: &mut Observers, interrupt: &AtomicBool) -> Result<(), TrainError> {
        let Some(refresh) = self.refresh.as_ref().filter(|refresh| refresh.is_due(state.step)) else {
            return Ok(());
        };
        let began = Instant::now();
        let coming = (&self.order, state.step, self.steps());
        let (redrawn, counts) = refresh.draw(state.model(), coming, interrupt)?;
        observers.emit(&Event::AnchorsRedrawn {
            step: state.step + 1,
            groups: redrawn.groups().count(),
            anchors: redrawn.anchors(),
            dropped: counts.dropped(),
            left_to_the_store: counts.groups_without_anchor,
            wall_s: began.elapsed().as_secs_f64(),
        })?;
        state.replace_anchors(redrawn);
        Ok(())
    }

    /// One optimizer step: `θ ← AdamW(θ, clip(1/B Σ_groups ∇(L + anchor_kl) + ∇ retain))`.
    fn step(&self, state: &mut State) {
        let batch = self.order.step(state.step);
        let scale = 1.0 / batch.len() as f64;
        let mut sum = GradientSum::default();
        let current: Vec<_> = batch.iter().map(|&index| state.redrawn.group(index, &self.groups[index])).collect();
        let groups: Vec<&TrainingGroup> = current.iter().map(AsRef::as_ref).collect();
        let tokens: usize = groups.iter().map(|group| group.naive_tokens()).sum();
        let (policy, trunk) = state.model_and_trunk();
        let (loss, objective, chunking) = (&self.loss, &self.loss.objective, self.chunking);
        let figures = if objective.couples_groups() {
            accumulate_coupled(policy, objective, &groups, scale, chunking, &mut sum)
        } else {
            let mut one = |(&index, &group): (&usize, &&TrainingGroup)| {
                let pass = GroupPass { policy, loss, group, index, scale, chunking };
                group_figures(objective, &pass.accumulate(trunk, &mut sum))
            };
            batch.iter().zip(&groups).map(&mut one).collect()
        };
        let anchor_kl = self.anchor_kl.as_ref().map(|penalty| {
            let (policy, trunk) = state.model_and_trunk();
            let mut one = |(&index, &group): (&usize, &&TrainingGroup)| {
                penalty.accumulate(policy, group, (scale, chunking), (&mut *trunk, index), &mut sum)
            };
            Tensor::cat(batch.iter().zip(&groups).map(&mut one).collect(), 0).mean()
        });
        let retain = self.retain.as_ref();
        let retain_kl = retain.map(|retain| retain.accumulate(state.model(), state.step, self.chunking, &mut sum));
        let gradients = sum.take().expect("every group has a gradient");
        let (gradients, norm) = clip_global_norm(state.model(), gradients, self.max_grad_norm);
        state.readings.push(figures, norm, [retain_kl, anchor_kl]);
        state.update(self.schedule.at(state.step), gradients);
        state.step += 1;
        state.pending_tokens.push(tokens);
        state.tokens += tokens as u64;
    }

    /// Reads the pending figures, refuses numbers that are not finite, and tells the observers.
    fn log(&self, state: &mut State, meter: &mut Meter, observers: &mut Observers) -> Result<(), TrainError> {
        let figures = state.readings.read();
        let tokens = std::mem::take(&mut state.pending_tokens);
        let lap = meter.lap();
        let share = 1.0 / figures.len().max(1) as f64;
        let first = state.step - figures.len() + 1;
        for ((step, read), tokens) in (first..).zip(figures).zip(tokens) {
            if let Some((quantity, value)) = read.figures.non_finite() {
                return Err(TrainError::NonFinite { step, quantity, value });
            }
            observers.emit(&self.event(step, read.figures, tokens, lap.wall_s * share, lap.cpu_s * share))?;
            if let Some(reading) = self.stop.anchors(&mut state.stop, read.anchor_fall) {
                self.judge(state, reading, observers)?;
            }
        }
        Ok(())
    }

    fn look(&self, state: &mut State, observers: &mut Observers) -> Result<(), TrainError> {
        if !self.negatives.is_empty() {
            let nll = self.negatives.measure(&state.model().frozen(), self.chunking).nll;
            if let Some(reading) = self.stop.negatives(&mut state.stop, nll) {
                self.judge(state, reading, observers)?;
            }
        }
        if !self.stop.watches() {
            return Ok(());
        }
        let now = self.watch.measure(&state.model().frozen(), self.chunking);
        for reading in self.stop.watch(&state.stop, now) {
            self.judge(state, reading, observers)?;
        }
        Ok(())
    }

    fn ask(&self, state: &mut State, observers: &mut Observers) -> Result<(), TrainError> {
        let Some(looks) = &self.looks else {
            return Ok(());
        };
        let (answers, figures) = (looks.ask)(&state.model().frozen())?;
        let harm = figures.get(&looks.harm).copied();
        observers.emit(&Event::Evaluated { step: state.step, answers, figures })?;
        // After the last step there is nothing left to stop.
        let harm = harm.filter(|_| state.step < self.steps());
        if let Some(reading) = harm.and_then(|harm| self.stop.harm(&mut state.stop, harm)) {
            self.judge(state, reading, observers)?;
        }
        Ok(())
    }

    fn judge(&self, state: &mut State, reading: Reading, observers: &mut Observers) -> Result<(), TrainError> {
        let Reading { rule, value, limit, tripped } = reading;
        let step = state.step;
        observers.emit(&Event::Guard { step, name: rule.to_owned(), value, limit, tripped })?;
        if tripped && state.stop.stopped.is_none() {
            let reason = format!("{rule}: {value:.4} is past the limit of {limit}");
            observers.emit(&Event::Stopped { step, reason: reason.clone() })?;
            state.stop.stopped = Some(reason);
        }
        Ok(())
    }

    fn save(&self, state: &State, observers: &mut Observers) -> Result<(), TrainError> {
        let scalars =
            CheckpointState::new(state.step, &self.fingerprint, state.tokens, state.wall_s, state.stop.clone());
        let trained = (state.model(), &state.optimizer);
        let path = Checkpoint::write(&self.checkpoints, scalars, trained, &state.redrawn, self.keep_checkpoints)?;
        let path = format!("checkpoints/{}", path.file_name().unwrap_or_default().to_string_lossy());
        observers.emit(&Event::Checkpoint { step: state.step, path })?;
        Ok(())
    }

    fn event(&self, step: usize, figures: StepFigures, tokens: usize, wall_s: f64, cpu_s: f64) -> Event {
        Event::Step {
            step,
            steps: self.steps(),
            epoch: step as f64 / self.order.steps_per_epoch() as f64,
            figures,
            clipped: self.max_grad_norm > 0.0 && figures.grad_norm > self.max_grad_norm,
            learning_rate: self.schedule.at(step - 1),
            tokens,
            wall_s,
            cpu_s,
            rss_mb: memory().resident_mib,
        }
    }
}
