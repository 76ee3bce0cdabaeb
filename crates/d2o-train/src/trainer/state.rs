//! What changes from step to step.

use burn::optim::{GradientsParams, ModuleOptimizer};
use d2o_model::CausalLm;

use super::checkpoint::{Checkpoint, CheckpointState};
use super::readings::Readings;
use super::refresh::Redrawn;
use super::stop::StopState;
use super::trunk::Trunk;
use crate::error::TrainError;

/// What changes from step to step: a checkpoint holds what does not follow from the rest.
pub(super) struct State {
    /// Absent only while the optimizer holds it.
    model: Option<CausalLm>,
    pub(super) optimizer: ModuleOptimizer,
    pub(super) step: usize,
    pub(super) tokens: u64,
    pub(super) wall_s: f64,
    pub(super) stop: StopState,
    pub(super) redrawn: Redrawn,
    pub(super) readings: Readings,
    pub(super) trunk: Trunk,
    pub(super) pending_tokens: Vec<usize>,
}

impl State {
    pub(super) fn new(model: CausalLm, optimizer: ModuleOptimizer, trunk: Trunk) -> Self {
        Self {
            model: Some(model),
            optimizer,
            step: 0,
            tokens: 0,
            wall_s: 0.0,
            stop: StopState::default(),
            redrawn: Redrawn::default(),
            readings: Readings::default(),
            trunk,
            pending_tokens: Vec::new(),
        }
    }

    pub(super) fn resume(self, checkpoint: Checkpoint) -> Result<Self, TrainError> {
        let Self { model, optimizer, trunk, .. } = self;
        let (model, optimizer) = checkpoint.restore((model.expect(BACK), optimizer))?;
        let Checkpoint { state: CheckpointState { step, tokens, wall_s, stop, .. }, redrawn, .. } = checkpoint;
        Ok(Self { step, tokens, wall_s, stop, redrawn, ..Self::new(model, optimizer, trunk) })
    }

    pub(super) fn model(&self) -> &CausalLm {
        self.model.as_ref().expect(BACK)
    }

    /// The model beside what a group's pass writes to.
    pub(super) fn model_and_trunk(&mut self) -> (&CausalLm, &mut Trunk) {
        (self.model.as_ref().expect(BACK), &mut self.trunk)
    }

    pub(super) fn into_model(self) -> CausalLm {
        self.model.expect(BACK)
    }

    pub(super) fn update(&mut self, learning_rate: f64, gradients: GradientsParams) {
        let model = self.model.take().expect(BACK);
        self.model = Some(self.optimizer.step(learning_rate, model, gradients));
    }

    /// Puts these anchors in place of those that were in force; what the trunk keeps of either group is stale.
    pub(super) fn replace_anchors(&mut self, redrawn: Redrawn) {
        let before = std::mem::replace(&mut self.redrawn, redrawn);
        before.groups().chain(self.redrawn.groups()).for_each(|group| self.trunk.forget(group));
    }
}

const BACK: &str = "the model is back after every update";
