//! A group's prompt, computed once for all chunks of its responses, forward and backward.

use burn::tensor::{Gradients, Int, Tensor, TensorData};
use d2o_model::{CausalLm, KeysValues, Placement};

use super::pack::Packed;
use super::trunk::Trunk;

/// A prompt's way through the layers that train, in a graph of its own.
///
/// All chunks but the last see it through leaves: copies of its keys, values and last hidden state that belong to no
/// graph. Their gradients are summed and go through the prompt's graph with the last chunk's, once. By the chain rule
/// that is the gradient of one graph over everything; what is kept meanwhile is the prompt's graph and one chunk's.
pub(super) struct SharedPrompt<'a> {
    ids: &'a [u32],
    made: Seen,
    leaves: Seen,
    /// Sums over the chunks so far, for each tracked tensor of `made`, untracked.
    slopes: Vec<Option<Tensor<2>>>,
}

/// What chunks see of a prompt.
struct Seen {
    layers: Vec<KeysValues>,
    /// Of the prompt's last token, before the final norm, `[1, width]`.
    last: Tensor<2>,
}

impl Seen {
    fn tensors(&self) -> impl Iterator<Item = &Tensor<2>> {
        self.layers.iter().flat_map(|layer| [&layer.keys, &layer.values]).chain(std::iter::once(&self.last))
    }

    fn map(&self, leaf: impl Fn(&Tensor<2>) -> Tensor<2>) -> Self {
        let layers =
            self.layers.iter().map(|layer| KeysValues { keys: leaf(&layer.keys), values: leaf(&layer.values) });
        Self { layers: layers.collect(), last: leaf(&self.last) }
    }
}

impl<'a> SharedPrompt<'a> {
    /// Runs the prompt of group `group`; the first of its chunks to the trunk.
    pub(super) fn new(model: &CausalLm, ids: &'a [u32], trunk: &mut Trunk, group: usize) -> Self {
        let device = model.device().without_autodiff();
        let at = Placement::causal(1, ids.len(), &device);
        let first = trunk.first();
        let entering = trunk.entering((group, 0), || {
            let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
            let tokens = ids.len();
            let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, tokens]), &device);
            model.run_layers(model.embed(ids, &at), 0..first, &at)
        });
        let (hidden, layers) = model.run_prompt(entering, first..model.layers_len(), &at);
        let made = Seen { layers, last: hidden.squeeze_dim::<2>(0).narrow(0, ids.len() - 1, 1) };
        let leaves = made.map(|made| match made.is_tracked() {
            true => made.clone().inner().autodiff().require_grad(),
            false => made.clone(),
        });
        let slopes = vec![None; made.tensors().count()];
        Self { ids, made, leaves, slopes }
    }

    /// Log-probabilities of the tokens of `responses`, chunk `chunk` of the group, nats, `[targets]`, and their places.
    /// The `last` chunk's backward pass goes through the prompt's graph.
    pub(super) fn token_log_probs(
        &self,
        model: &CausalLm,
        responses: &[&[u32]],
        trunk: &mut Trunk,
        (group, chunk, last): (usize, usize, bool),
        head_rows: usize,
    ) -> (Packed, Tensor<1>) {
        let device = model.device().without_autodiff();
        let packed = Packed::behind(self.ids, responses, &device);
        let first = trunk.first();
        let entering = trunk.entering((group, chunk + 1), || match first {
            0 => packed.entering(model, 0),
            // Layers that do not train keep nothing: they see the prompt anew.
            _ => {
                let whole = Packed::new(self.ids, responses, &device).entering(model, first);
                whole.narrow(1, self.ids.len(), packed.tokens())
            }
        });
        let Seen { layers, last: hidden } = if last { &self.made } else { &self.leaves };
        let hidden = packed.predicting_hidden_behind(model, first, entering, (layers, hidden.clone()));
        let log_probs = model.log_probs(hidden, packed.targets(), head_rows);
        (packed, log_probs)
    }

    /// Takes what a chunk's backward pass leaves at the leaves.
    pub(super) fn gather(&mut self, gradients: &mut Gradients) {
        for (leaf, sum) in self.leaves.tensors().zip(&mut self.slopes) {
            let Some(slope) = leaf.grad_remove(gradients) else { continue };
            *sum = Some(match sum.take() {
                Some(sum) => sum + slope,
                None => slope,
            });
        }
    }

    /// What the last chunk's loss lacks for its backward pass to bring what the chunks before it gathered through the
    /// prompt's graph as well: `Σ made · slope`, `[1]`.
    pub(super) fn gathered(self) -> Option<Tensor<1>> {
        let parts = self.made.tensors().zip(self.slopes);
        let parts = parts.filter_map(|(made, slope)| Some((made.clone() * slope?.autodiff()).sum()));
        parts.reduce(|sum, part| sum + part)
    }
}
