//! What changes from step to step.

use burn::optim::{GradientsParams, ModuleOptimizer};
use d2o_model::CausalLm;

use crate::activation_cache::ActivationCache;
use crate::checkpoint::{Checkpoint, CheckpointState};
use crate::error::TrainError;
use crate::readings::Readings;
use crate::redraw::Redrawn;
use crate::stop::StopState;

/// What changes from step to step: a checkpoint holds what does not follow from the rest.
pub(crate) struct State {
    /// Absent only while the optimizer holds it.
    model: Option<CausalLm>,
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) step: usize,
    pub(crate) tokens: u64,
    pub(crate) wall_s: f64,
    pub(crate) stop: StopState,
    pub(crate) redrawn: Redrawn,
    pub(crate) readings: Readings,
    pub(crate) activations: ActivationCache,
    pub(crate) pending_tokens: Vec<usize>,
}

impl State {
    pub(crate) fn new(model: CausalLm, optimizer: ModuleOptimizer, activations: ActivationCache) -> Self {
        Self {
            model: Some(model),
            optimizer,
            step: 0,
            tokens: 0,
            wall_s: 0.0,
            stop: StopState::default(),
            redrawn: Redrawn::default(),
            readings: Readings::default(),
            activations,
            pending_tokens: Vec::new(),
        }
    }

    pub(crate) fn resume(self, checkpoint: Checkpoint) -> Result<Self, TrainError> {
        let Self { model, optimizer, activations, .. } = self;
        let (model, optimizer) = checkpoint.restore((model.expect(BACK), optimizer))?;
        let Checkpoint { state: CheckpointState { step, tokens, wall_s, stop, .. }, redrawn, .. } = checkpoint;
        Ok(Self { step, tokens, wall_s, stop, redrawn, ..Self::new(model, optimizer, activations) })
    }

    pub(crate) fn model(&self) -> &CausalLm {
        self.model.as_ref().expect(BACK)
    }

    /// The model beside what a group's pass writes to.
    pub(crate) fn model_and_activations(&mut self) -> (&CausalLm, &mut ActivationCache) {
        (self.model.as_ref().expect(BACK), &mut self.activations)
    }

    /// The model beside what the stop rules remember.
    pub(crate) fn model_and_stop(&mut self) -> (&CausalLm, &mut StopState) {
        (self.model.as_ref().expect(BACK), &mut self.stop)
    }

    pub(crate) fn into_model(self) -> CausalLm {
        self.model.expect(BACK)
    }

    /// Packs the weights for the products of the coming step, where they are computed in bf16.
    pub(crate) fn pack_weights(&mut self) {
        self.model.as_mut().expect(BACK).pack_weights();
    }

    pub(crate) fn update(&mut self, learning_rate: f64, gradients: GradientsParams) {
        let mut model = self.model.take().expect(BACK);
        model.unpack_trained();
        self.model = Some(self.optimizer.step(learning_rate, model, gradients));
    }

    /// Puts these anchors in place of those that were in force; what the activation cache keeps of either group is stale.
    pub(crate) fn replace_anchors(&mut self, redrawn: Redrawn) {
        let before = std::mem::replace(&mut self.redrawn, redrawn);
        before.groups().chain(self.redrawn.groups()).for_each(|group| self.activations.forget(group));
    }
}

const BACK: &str = "the model is back after every update";
