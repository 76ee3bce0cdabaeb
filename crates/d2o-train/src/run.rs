//! The training loop, top to bottom.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use d2o_model::CausalLm;
use d2o_record::meter::{Meter, memory};
use d2o_record::{Event, Observers, RunLock, StepFigures, durable};

use crate::activation_cache::ActivationCache;
use crate::checkpoint::{self, Checkpoint, CheckpointState};
use crate::error::TrainError;
use crate::gradient::step::StepGradient;
use crate::redraw::Redrawn;
use crate::state::State;
use crate::trainer::Trainer;

/// How a run ended.
pub struct Trained {
    /// The model, still tracked.
    pub model: CausalLm,
    /// Optimizer steps taken.
    pub steps: usize,
    /// The stop rule that ended it, if one did.
    pub stopped: Option<String>,
}

impl Trainer<'_> {
    /// Trains `model` from the newest checkpoint of this run, or from the start, until the last step or a stop rule,
    /// with nobody watching.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`TrainError::Stale`] if the checkpoint belongs to another run.
    pub fn train(&self, model: CausalLm) -> Result<Trained, TrainError> {
        let mut nobody = Observers::new();
        let lock = self.lock()?;
        let checkpoint = self.checkpoint(&mut nobody)?;
        self.run_locked(model, checkpoint, &mut nobody, &AtomicBool::new(false), lock)
    }

    /// Trains `model`, from `checkpoint` if one is given, until the last step, a stop rule or `interrupt`.
    ///
    /// `model` is tracked, as [`CausalLm::train_on`] makes it. The same seed, groups and settings give the same bits,
    /// however often the run was killed and resumed. While it trains, the directory of its checkpoints is locked.
    ///
    /// # Errors
    /// Non-finite figures, a failed write, [`TrainError::Interrupted`] after the checkpoint is safe;
    /// [`TrainError::Lock`] at once if another process trains with the same checkpoints.
    pub fn run(
        &self,
        model: CausalLm,
        checkpoint: Option<Checkpoint>,
        observers: &mut Observers,
        interrupt: &AtomicBool,
    ) -> Result<Trained, TrainError> {
        let lock = self.lock()?;
        self.run_locked(model, checkpoint, observers, interrupt, lock)
    }

    /// The lock on the directory of the checkpoints, where there is one.
    fn lock(&self) -> Result<Option<RunLock>, TrainError> {
        let dir = self.checkpoints.as_ref().map(|checkpoints| &checkpoints.dir);
        Ok(dir.map(|dir| RunLock::directory(dir)).transpose()?)
    }

    fn run_locked(
        &self,
        model: CausalLm,
        checkpoint: Option<Checkpoint>,
        observers: &mut Observers,
        interrupt: &AtomicBool,
        mut lock: Option<RunLock>,
    ) -> Result<Trained, TrainError> {
        let began = Instant::now();
        let model = model.with_precision(self.precision);
        let activations = ActivationCache::new(&model, self.activation_cache);
        let mut state = State::new(model, self.optimizer.optimizer(), activations);
        if let Some(checkpoint) = checkpoint {
            state = state.resume(checkpoint)?;
        }
        lock.iter_mut().for_each(RunLock::accept);
        if let Some(checkpoints) = &self.checkpoints {
            durable::remove_partial(&checkpoints.dir, None, &[])?;
        }
        let (before, mut meter) = (state.wall_s, Meter::default());
        self.begin(&mut state, observers)?;
        while state.step < self.steps() && state.stop.stopped.is_none() {
            self.redraw(&mut state, &mut meter, observers, interrupt)?;
            self.step(&mut state);
            self.observe(&mut state, &mut meter, observers, interrupt)?;
            state.wall_s = before + began.elapsed().as_secs_f64();
            if self.saves_after(&state, interrupt) {
                self.save(&state, observers)?;
            }
            if interrupt.load(Ordering::Relaxed) && state.step < self.steps() {
                observers.emit(&Event::Interrupted { step: state.step })?;
                return Err(TrainError::Interrupted { step: state.step });
            }
        }
        if let Some(checkpoints) = &self.checkpoints {
            // Those that a kill between a checkpoint and this has left.
            checkpoint::prune(&checkpoints.dir, checkpoints.keep)?;
        }
        observers.emit(&Event::Finished { steps: state.step, wall_s: began.elapsed().as_secs_f64() })?;
        Ok(Trained { steps: state.step, stopped: state.stop.stopped.clone(), model: state.into_model() })
    }

    /// Measures the base, where something compares with it.
    fn begin(&self, state: &mut State, observers: &mut Observers) -> Result<(), TrainError> {
        let step = state.step;
        let (model, stop) = state.model_and_stop();
        self.monitor.measure_base(model, self.chunking, stop);
        if step == 0 {
            self.monitor.evaluate(model, 0, self.steps() == 0, stop, observers)?;
        }
        Ok(())
    }

    /// One optimizer step: `θ ← AdamW(θ, clip(1/B Σ_groups ∇(L + anchor_kl) + ∇ retain))`.
    fn step(&self, state: &mut State) {
        state.pack_weights();
        let StepGradient { gradients, norm, figures, retain_kl, anchor_kl, tokens } = StepGradient::new(self, state);
        state.readings.push(figures, norm, [retain_kl, anchor_kl]);
        state.update(self.schedule.at(state.step), gradients);
        state.step += 1;
        state.pending_tokens.push(tokens);
        state.tokens += tokens as u64;
    }

    /// Draws the anchors of the coming steps anew if that is due. One who leaves meanwhile finds a checkpoint.
    fn redraw(
        &self,
        state: &mut State,
        meter: &mut Meter,
        observers: &mut Observers,
        interrupt: &AtomicBool,
    ) -> Result<(), TrainError> {
        let Some(redraw) = self.redraw.as_ref().filter(|redraw| redraw.is_due(state.step)) else {
            return Ok(());
        };
        let began = Instant::now();
        let groups = redraw.coming(&self.order, state.step, self.steps());
        let drawn = match redraw.source.draw(state.model(), &groups, state.step, interrupt) {
            Ok(drawn) => drawn,
            Err(error) => {
                if matches!(error, TrainError::Interrupted { .. }) {
                    self.log(state, meter, observers)?;
                    self.save(state, observers)?;
                    observers.emit(&Event::Interrupted { step: state.step })?;
                }
                return Err(error);
            }
        };
        let redrawn = Redrawn::new(drawn.anchors);
        observers.emit(&Event::AnchorsRedrawn {
            step: state.step + 1,
            groups: redrawn.groups().count(),
            anchors: redrawn.anchors(),
            dropped: drawn.dropped,
            left_to_the_store: groups.len() - redrawn.groups().count(),
            wall_s: began.elapsed().as_secs_f64(),
        })?;
        state.replace_anchors(redrawn);
        Ok(())
    }

    /// Reads the device, validates and evaluates, each where it is due. Nothing here changes a weight.
    fn observe(
        &self,
        state: &mut State,
        meter: &mut Meter,
        observers: &mut Observers,
        interrupt: &AtomicBool,
    ) -> Result<(), TrainError> {
        let (step, last) = (state.step, state.step == self.steps());
        let validates = self.monitor.validates_after(step);
        let evaluates = self.monitor.evaluates_after(step, last);
        let logs = self.log_every > 0 && step.is_multiple_of(self.log_every);
        if logs || validates || evaluates || self.saves_after(state, interrupt) {
            self.log(state, meter, observers)?;
        }
        let (model, stop) = state.model_and_stop();
        if validates {
            self.monitor.validate(model, self.chunking, step, stop, observers)?;
        }
        if evaluates {
            self.monitor.evaluate(model, step, last, stop, observers)?;
            // The time that the answers took belongs to no step.
            meter.lap();
        }
        Ok(())
    }

    /// Reads the pending figures, refuses numbers that are not finite, and tells the observers.
    fn log(&self, state: &mut State, meter: &mut Meter, observers: &mut Observers) -> Result<(), TrainError> {
        let steps = state.readings.read();
        let tokens = std::mem::take(&mut state.pending_tokens);
        let lap = meter.lap();
        let share = 1.0 / steps.len().max(1) as f64;
        let first = state.step - steps.len() + 1;
        for ((step, read), tokens) in (first..).zip(steps).zip(tokens) {
            if let Some((quantity, value)) = read.figures.non_finite() {
                return Err(TrainError::NonFinite { step, quantity, value });
            }
            observers.emit(&self.event(step, read.figures, tokens, lap.wall_s * share, lap.cpu_s * share))?;
            self.monitor.anchors_fell(read.anchor_fall, step, &mut state.stop, observers)?;
        }
        Ok(())
    }

    fn saves_after(&self, state: &State, interrupt: &AtomicBool) -> bool {
        let every = self.checkpoints.as_ref().map_or(0, |checkpoints| checkpoints.every);
        let due = every > 0 && state.step.is_multiple_of(every);
        due || state.step == self.steps() || state.stop.stopped.is_some() || interrupt.load(Ordering::Relaxed)
    }

    fn save(&self, state: &State, observers: &mut Observers) -> Result<(), TrainError> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(());
        };
        // What a checkpoint has behind it is told no second time.
        observers.sync()?;
        let (tokens, wall_s, stop) = (state.tokens, state.wall_s, state.stop.clone());
        let scalars = CheckpointState::new(state.step, &checkpoints.fingerprint, tokens, wall_s, stop);
        let trained = (state.model(), &state.optimizer);
        let path = Checkpoint::write(&checkpoints.dir, scalars, trained, &state.redrawn, checkpoints.keep)?;
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
