//! A group's prompt, computed once for all chunks of its responses, forward and backward.

use burn::tensor::{Gradients, Tensor};
use d2o_model::responses::{Packed, PromptCache, entering};
use d2o_model::{CausalLm, KeysValues};

use crate::activation_cache::GroupActivations;

/// A prompt's way through the layers that train, in a graph of its own.
///
/// All chunks but the last see it through leaves: copies of its keys, values and last hidden state that belong to no
/// graph. Their gradients are summed and go through the prompt's graph with the last chunk's, once. By the chain rule
/// that is the gradient of one graph over everything; what is kept meanwhile is the prompt's graph and one chunk's.
pub(super) struct SharedPrompt<'a> {
    ids: &'a [u32],
    computed: PromptCache,
    leaves: PromptCache,
    /// Sums over the chunks so far, for each tracked tensor of `computed`, untracked.
    gradients: Vec<Option<Tensor<2>>>,
}

/// Where a chunk stands among those of its group.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkPlace {
    /// Its number, from 0.
    pub(super) index: usize,
    /// Whether it is the last: its backward pass goes through the prompt's graph.
    pub(super) last: bool,
}

impl<'a> SharedPrompt<'a> {
    /// Runs the prompt; its activations are part 0 of the group's.
    pub(super) fn new(model: &CausalLm, ids: &'a [u32], activations: &mut GroupActivations<'_>) -> Self {
        let device = model.device().without_autodiff();
        let first = activations.first();
        let entering = activations.entering(0, || entering(model, ids, first, &device));
        let computed = PromptCache::from_layer(model, first, entering, ids.len());
        let leaves = map(&computed, |tensor| match tensor.is_tracked() {
            true => tensor.clone().inner().autodiff().require_grad(),
            false => tensor.clone(),
        });
        let gradients = vec![None; tensors(&computed).count()];
        Self { ids, computed, leaves, gradients }
    }

    /// Log-probabilities of the tokens of one chunk's `responses`, nats, `[targets]`, and their places.
    pub(super) fn token_log_probs(
        &self,
        model: &CausalLm,
        responses: &[&[u32]],
        chunk: ChunkPlace,
        activations: &mut GroupActivations<'_>,
        head_rows: usize,
    ) -> (Packed, Tensor<1>) {
        let device = model.device().without_autodiff();
        let packed = Packed::behind(self.ids, responses, &device);
        let first = activations.first();
        let entering = activations.entering(chunk.index + 1, || match first {
            0 => packed.entering(model, 0),
            // Layers that do not train keep nothing: they see the prompt anew.
            _ => {
                let whole = Packed::new(self.ids, responses, &device).entering(model, first);
                whole.narrow(1, self.ids.len(), packed.tokens())
            }
        });
        let prompt = if chunk.last { &self.computed } else { &self.leaves };
        let hidden = packed.predicting_hidden_behind(model, first, entering, prompt);
        let log_probs = model.log_probs(hidden, packed.targets(), head_rows);
        (packed, log_probs)
    }

    /// Takes what a chunk's backward pass leaves at the leaves.
    pub(super) fn gather(&mut self, gradients: &mut Gradients) {
        for (leaf, sum) in tensors(&self.leaves).zip(&mut self.gradients) {
            let Some(gradient) = leaf.grad_remove(gradients) else { continue };
            *sum = Some(match sum.take() {
                Some(sum) => sum + gradient,
                None => gradient,
            });
        }
    }

    /// What the last chunk's loss lacks for its backward pass to bring what the chunks before it gathered through the
    /// prompt's graph as well: `Σ tensor · gradient`, `[1]`.
    pub(super) fn gathered(self) -> Option<Tensor<1>> {
        let parts = tensors(&self.computed).zip(self.gradients);
        let parts = parts.filter_map(|(tensor, gradient)| Some((tensor.clone() * gradient?.autodiff()).sum()));
        parts.reduce(|sum, part| sum + part)
    }
}

fn tensors(cache: &PromptCache) -> impl Iterator<Item = &Tensor<2>> {
    cache.layers.iter().flat_map(|layer| [&layer.keys, &layer.values]).chain(std::iter::once(&cache.last))
}

fn map(cache: &PromptCache, of: impl Fn(&Tensor<2>) -> Tensor<2>) -> PromptCache {
    let layers = cache.layers.iter().map(|layer| KeysValues { keys: of(&layer.keys), values: of(&layer.values) });
    PromptCache { layers: layers.collect(), last: of(&cache.last) }
}
