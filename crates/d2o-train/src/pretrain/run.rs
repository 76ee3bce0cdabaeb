//! The pretraining loop.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Tensor, Transaction};
use d2o_model::CausalLm;

use crate::checkpoint::{Checkpoint, CheckpointState};
use crate::error::TrainError;
use crate::optim::adamw::AdamW;
use crate::optim::gradients::clip_global_norm;
use crate::optim::order::Order;
use crate::optim::schedule::Schedule;
use crate::pretrain::batch::{Batch, PretrainRow, rows_of_step};
use crate::redraw::Redrawn;
use crate::stop::StopState;
use d2o_record::meter::{Meter, memory};
use d2o_record::{Event, Observers, RunLock, durable};

/// Everything that decides what pretraining computes.
pub struct Pretraining<'a> {
    /// The rows.
    pub rows: &'a [PretrainRow],
    /// Rows in one optimizer step.
    pub rows_per_step: usize,
    /// Seed of the order.
    pub seed: u64,
    /// Learning rate over the run; its length is the run's.
    pub schedule: Schedule,
    /// The optimizer's knobs.
    pub adamw: AdamW,
    /// Largest global gradient norm; 0 does not clip.
    pub max_grad_norm: f64,
    /// Positions whose logits are held at once.
    pub head_rows: usize,
    /// Steps between two reads of the device.
    pub log_every: usize,
    /// Steps between two checkpoints; 0 writes only the last one.
    pub checkpoint_every: usize,
    /// Where checkpoints go.
    pub checkpoints: PathBuf,
    /// What the run was made from; a checkpoint with another one is refused.
    pub fingerprint: String,
}

/// Checkpoints that stay on disk.
const KEEP: usize = 2;

/// What changes from step to step.
struct State {
    model: CausalLm,
    optimizer: ModuleOptimizer,
    step: usize,
    tokens: u64,
    /// Of each step since the last read.
    readings: Vec<Reading>,
}

/// What a step leaves to be told.
struct Reading {
    /// On the device, as the norm.
    loss: Tensor<1>,
    norm: Tensor<1>,
    /// Predicted tokens.
    tokens: usize,
    /// Share of padding.
    padding: f64,
}

impl Pretraining<'_> {
    /// Trains `model` to the last step, from the newest checkpoint if there is one.
    ///
    /// # Errors
    /// Non-finite losses, failed writes, a checkpoint of another run; [`TrainError::Interrupted`] after the
    /// checkpoint is safe; [`TrainError::Lock`] if another process trains with the same checkpoints.
    pub fn run(
        &self,
        model: CausalLm,
        observers: &mut Observers,
        interrupt: &AtomicBool,
    ) -> Result<CausalLm, TrainError> {
        let began = Instant::now();
        let mut lock = RunLock::directory(&self.checkpoints)?;
        let order = Order::new(self.rows.len(), self.rows_per_step, self.seed);
        let mut state = self.resumed(model)?;
        lock.accept();
        durable::remove_partial(&self.checkpoints, None, &[])?;
        let mut meter = Meter::default();
        while state.step < self.schedule.steps {
            state = self.step(state, &order);
            let due = |every: usize| every > 0 && state.step.is_multiple_of(every);
            let last = state.step == self.schedule.steps;
            let leave = interrupt.load(Ordering::Relaxed);
            let save = due(self.checkpoint_every) || last || leave;
            if due(self.log_every) || save {
                self.log(&mut state, &order, &mut meter, observers)?;
            }
            if save {
                self.save(&state, began.elapsed().as_secs_f64(), observers)?;
            }
            if leave && !last {
                observers.emit(&Event::Interrupted { step: state.step })?;
                return Err(TrainError::Interrupted { step: state.step });
            }
        }
        observers.emit(&Event::Finished { steps: state.step, wall_s: began.elapsed().as_secs_f64() })?;
        Ok(state.model)
    }

    /// The step of the newest intact checkpoint; 0 if there is none.
    ///
    /// # Errors
    /// [`TrainError::Stale`] if it belongs to another run.
    pub fn resumes_at(&self) -> Result<usize, TrainError> {
        let (checkpoint, _) = Checkpoint::newest(&self.checkpoints, &self.fingerprint)?;
        Ok(checkpoint.map_or(0, |checkpoint| checkpoint.state.step))
    }

    fn resumed(&self, model: CausalLm) -> Result<State, TrainError> {
        let (checkpoint, _) = Checkpoint::newest(&self.checkpoints, &self.fingerprint)?;
        let optimizer = self.adamw.optimizer();
        let (model, optimizer, step, tokens) = match checkpoint {
            Some(checkpoint) => {
                let (model, optimizer) = checkpoint.restore((model, optimizer))?;
                (model, optimizer, checkpoint.state.step, checkpoint.state.tokens)
            }
            None => (model, optimizer, 0, 0),
        };
        Ok(State { model, optimizer, step, tokens, readings: Vec::new() })
    }

    /// One optimizer step on the mean loss of its rows' predicted tokens.
    fn step(&self, mut state: State, order: &Order) -> State {
        let chosen = rows_of_step(order, self.rows, self.rows_per_step, self.seed, state.step);
        let rows: Vec<&PretrainRow> = chosen.iter().map(|&row| &self.rows[row]).collect();
        let batch = Batch::new(&rows, &state.model.device().without_autodiff());
        let loss = batch.loss(&state.model, self.head_rows);
        let value = loss.clone().inner();
        let mut gradients = loss.backward();
        let gradients = GradientsParams::from_module(&mut gradients, &state.model);
        let (gradients, norm) = clip_global_norm(&state.model, gradients, self.max_grad_norm);
        state.model = state.optimizer.step(self.schedule.at(state.step), state.model, gradients);
        state.step += 1;
        state.tokens += batch.predicted as u64;
        state.readings.push(Reading { loss: value, norm, tokens: batch.predicted, padding: batch.padding });
        state
    }

    /// Reads the pending losses, refuses those that are not finite, and tells the observers.
    fn log(
        &self,
        state: &mut State,
        order: &Order,
        meter: &mut Meter,
        observers: &mut Observers,
    ) -> Result<(), TrainError> {
        let readings = std::mem::take(&mut state.readings);
        let lap = meter.lap();
        let share = 1.0 / readings.len().max(1) as f64;
        let first = state.step + 1 - readings.len();
        for (step, reading) in (first..).zip(readings) {
            let [loss, grad_norm] = read(reading.loss, reading.norm);
            let figures = [("the loss", loss), ("the gradient norm", grad_norm)];
            if let Some((quantity, value)) = figures.into_iter().find(|(_, value)| !value.is_finite()) {
                return Err(TrainError::NonFinite { step, quantity, value });
            }
            observers.emit(&Event::PretrainStep {
                step,
                steps: self.schedule.steps,
                epoch: step as f64 / order.steps_per_epoch() as f64,
                loss,
                grad_norm,
                learning_rate: self.schedule.at(step - 1),
                tokens: reading.tokens,
                padding_share: reading.padding,
                wall_s: lap.wall_s * share,
                cpu_s: lap.cpu_s * share,
                rss_mb: memory().resident_mib,
            })?;
        }
        let stage = d2o_record::stage::PRETRAIN.to_owned();
        observers.emit(&Event::Progress {
            stage,
            done: state.step,
            total: self.schedule.steps,
            unit: "steps".to_owned(),
        })?;
        Ok(())
    }

    fn save(&self, state: &State, wall_s: f64, observers: &mut Observers) -> Result<(), TrainError> {
        // What a checkpoint has behind it is told no second time.
        observers.sync()?;
        let scalars = CheckpointState::new(state.step, &self.fingerprint, state.tokens, wall_s, StopState::default());
        let trained = (&state.model, &state.optimizer);
        let path = Checkpoint::write(&self.checkpoints, scalars, trained, &Redrawn::default(), KEEP)?;
        let path = format!("checkpoints/{}", path.file_name().unwrap_or_default().to_string_lossy());
        observers.emit(&Event::Checkpoint { step: state.step, path })?;
        Ok(())
    }
}

fn read(loss: Tensor<1>, norm: Tensor<1>) -> [f64; 2] {
    let data = Transaction::default().register(loss).register(norm).execute();
    let mut values = data.iter().map(|data| data.iter::<f64>().next().unwrap_or(f64::NAN));
    [(); 2].map(|()| values.next().unwrap_or(f64::NAN))
}
