//! Responses of one prompt on their way through the model that trains, chunk by chunk.

use std::ops::Range;

use burn::tensor::{Gradients, Tensor};
use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, Packed, group_ranges};

use super::shared_prompt::{ChunkPlace, SharedPrompt};
use crate::activation_cache::GroupActivations;

/// Responses of one prompt on their way through the model, chunk by chunk.
pub(super) struct Chunks<'a> {
    model: &'a CausalLm,
    prompt: &'a [u32],
    responses: &'a [&'a [u32]],
    ranges: Vec<Range<usize>>,
    head_rows: usize,
    activations: GroupActivations<'a>,
    /// The prompt, computed once for several chunks.
    shared: Option<SharedPrompt<'a>>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(
        model: &'a CausalLm,
        prompt: &'a [u32],
        responses: &'a [&'a [u32]],
        chunking: Chunking,
        mut activations: GroupActivations<'a>,
    ) -> Self {
        let ranges = group_ranges(prompt.len(), responses, chunking.tokens);
        let shares = ranges.len() > 1 && chunking.tokens > 0;
        let shared = shares.then(|| SharedPrompt::new(model, prompt, &mut activations));
        Self { model, prompt, responses, ranges, head_rows: chunking.head_rows, activations, shared }
    }

    /// Number of chunks.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The responses of chunk `chunk`, by their index.
    pub(super) fn range(&self, chunk: usize) -> Range<usize> {
        self.ranges[chunk].clone()
    }

    /// Log-probabilities of the tokens of chunk `chunk`, nats, `[targets]`, and their places.
    pub(super) fn forward(&mut self, chunk: usize) -> (Packed, Tensor<1>) {
        let Self { model, activations, head_rows, .. } = self;
        let responses = &self.responses[self.ranges[chunk].clone()];
        if let Some(prompt) = &self.shared {
            let place = ChunkPlace { index: chunk, last: chunk + 1 == self.ranges.len() };
            return prompt.token_log_probs(model, responses, place, activations, *head_rows);
        }
        let packed = Packed::new(self.prompt, responses, &model.device().without_autodiff());
        let first = activations.first();
        let entering = activations.entering(chunk, || packed.entering(model, first));
        let log_probs = packed.token_log_probs_from(model, first, entering, *head_rows);
        (packed, log_probs)
    }

    /// Adds to the last chunk's loss what brings the gradients of the chunks before it through the prompt.
    pub(super) fn with_prompt(&mut self, chunk: usize, loss: Tensor<1>) -> Tensor<1> {
        if chunk + 1 < self.ranges.len() {
            return loss;
        }
        match self.shared.take().and_then(SharedPrompt::gathered) {
            Some(gathered) => loss + gathered,
            None => loss,
        }
    }

    /// Takes what a chunk's backward pass leaves for the prompt.
    pub(super) fn gather(&mut self, gradients: &mut Gradients) {
        if let Some(prompt) = &mut self.shared {
            prompt.gather(gradients);
        }
    }
}
