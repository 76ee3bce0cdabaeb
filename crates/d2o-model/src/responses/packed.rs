//! The packed layout of a group: the prompt once, then several responses that see only it and themselves.

use std::ops::Range;

use super::prompt_cache::PromptCache;
use crate::{CausalLm, Placement};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// The passes of a group: one, as long as it has at most twice `budget` tokens, else [`chunk_ranges`].
///
/// A group in several passes needs a sum of gradients of its own until its last score is known, as large as all trained
/// weights: two passes rarely save as much.
pub fn group_ranges(prompt: usize, responses: &[&[u32]], budget: usize) -> Vec<Range<usize>> {
    let all: usize = responses.iter().map(|response| response.len()).sum();
    let twice = budget.saturating_mul(2);
    chunk_ranges(prompt, responses, if prompt + all <= twice { twice } else { budget })
}

/// Splits `responses` into consecutive ranges whose packed length stays within `budget` tokens: as few as
/// that allows, and the longest as short as so many allow.
///
/// A range always holds at least one response, so a single response that exceeds the budget is
/// computed alone.
pub fn chunk_ranges(prompt: usize, responses: &[&[u32]], budget: usize) -> Vec<Range<usize>> {
    let count = filled(prompt, responses, budget).len();
    let all: usize = responses.iter().map(|response| response.len()).sum();
    // A smaller budget never gives fewer ranges: the least that gives no more.
    let (mut too_small, mut enough) = (0, budget.min(prompt + all));
    while too_small + 1 < enough {
        let middle = usize::midpoint(too_small, enough);
        if filled(prompt, responses, middle).len() > count { too_small = middle } else { enough = middle }
    }
    filled(prompt, responses, enough)
}

/// The same, each range as full as the budget allows.
fn filled(prompt: usize, responses: &[&[u32]], budget: usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut length = 0;
    for (index, response) in responses.iter().enumerate() {
        match ranges.last_mut() {
            Some(range) if length + response.len() <= budget => range.end = index + 1,
            _ => {
                ranges.push(index..index + 1);
                length = prompt;
            }
        }
        length += response.len();
    }
    ranges
}

/// A packed sequence on the device, ready for one forward pass.
#[derive(Debug)]
pub struct Packed {
    ids: Tensor<2, Int>,
    placement: Placement,
    predictors: Tensor<1, Int>,
    targets: Tensor<1, Int>,
    /// `[responses, targets]`, 1 where the target belongs to the response.
    membership: Tensor<2>,
    /// The rows' tokens, row after row.
    tokens: usize,
}

/// A sequence's tokens behind the packed prefix.
#[derive(Clone, Copy, Debug)]
pub struct Continuation<'a> {
    /// Its tokens.
    pub ids: &'a [u32],
    /// How many of them belong to the prompt: they are read, not scored.
    pub unscored: usize,
}

impl Packed {
    /// Packs `prompt` and `responses` for `device`.
    ///
    /// # Panics
    /// If the prompt or a response is empty: the encoder guarantees that neither is.
    pub fn new(prompt: &[u32], responses: &[&[u32]], device: &Device) -> Self {
        let rows: Vec<Continuation<'_>> = responses.iter().map(|ids| Continuation { ids, unscored: 0 }).collect();
        Self::continuations(prompt, &rows, device)
    }

    /// Packs what several sequences begin with, once, and how each goes on.
    ///
    /// # Panics
    /// If nothing of a sequence is scored, or its first scored token has none before it.
    pub fn continuations(prefix: &[u32], rows: &[Continuation<'_>], device: &Device) -> Self {
        assert!(rows.iter().all(|row| row.ids.len() > row.unscored), "a response has at least one token");
        assert!(rows.iter().all(|row| prefix.len() + row.unscored > 0), "a prompt has at least one token");
        let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
        let placement = Placement::packed(prefix.len(), &lengths, device);
        Self::placed(prefix, rows, placement, device)
    }

    /// Packs responses behind one token that stands for their prompt, which is computed apart: the prompt's last
    /// hidden state predicts their first tokens, and what else they see of it lies in a [`PromptCache`].
    ///
    /// # Panics
    /// If the prompt or a response is empty.
    pub fn behind(prompt: &[u32], responses: &[&[u32]], device: &Device) -> Self {
        let rows: Vec<Continuation<'_>> = responses.iter().map(|ids| Continuation { ids, unscored: 0 }).collect();
        let lengths: Vec<usize> = responses.iter().map(|ids| ids.len()).collect();
        let placement = Placement::continued(prompt.len(), &lengths, device);
        let packed = Self::placed(&prompt[prompt.len() - 1..], &rows, placement, device);
        let tokens = packed.tokens - 1;
        Self { ids: packed.ids.narrow(1, 1, tokens), tokens, ..packed }
    }

    fn placed(prefix: &[u32], rows: &[Continuation<'_>], placement: Placement, device: &Device) -> Self {
        let total: usize = rows.iter().map(|row| row.ids.len() - row.unscored).sum();
        let mut ids: Vec<i64> = prefix.iter().map(|&id| i64::from(id)).collect();
        let mut predictors = Vec::with_capacity(total);
        let mut targets = Vec::with_capacity(total);
        let mut membership = vec![0f32; rows.len() * total];
        for (index, row) in rows.iter().enumerate() {
            for (offset, &id) in row.ids.iter().enumerate() {
                if offset >= row.unscored {
                    membership[index * total + targets.len()] = 1.0;
                    // The last token of the prefix predicts the first one behind it.
                    let before = if offset == 0 { prefix.len() } else { ids.len() };
                    predictors.push(before as i64 - 1);
                    targets.push(i64::from(id));
                }
                ids.push(i64::from(id));
            }
        }
        let tokens = ids.len();
        let int = |data: Vec<i64>| Tensor::<1, Int>::from_data(TensorData::from(data.as_slice()), device);
        Self {
            ids: int(ids).reshape([1, tokens as i64]),
            placement,
            predictors: int(predictors),
            targets: int(targets),
            membership: Tensor::from_data(TensorData::new(membership, [rows.len(), total]), device),
            tokens,
        }
    }

    /// Tokens that the forward pass computes.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Ids of all response tokens, `[targets]`.
    pub fn targets(&self) -> Tensor<1, Int> {
        self.targets.clone()
    }

    /// What enters layer `first`, `[1, tokens, width]`: the same at every step while the layers below are frozen.
    pub fn entering(&self, model: &CausalLm, first: usize) -> Tensor<3> {
        model.run_layers(model.embed(self.ids.clone(), &self.placement), 0..first, &self.placement)
    }

    /// Final hidden states at the positions that predict the targets, `[targets, width]`.
    pub fn predicting_hidden(&self, model: &CausalLm) -> Tensor<2> {
        self.predicting_hidden_from(model, 0, self.entering(model, 0))
    }

    /// The same from what enters layer `first`.
    pub fn predicting_hidden_from(&self, model: &CausalLm, first: usize, entering: Tensor<3>) -> Tensor<2> {
        let hidden = model.run_layers(entering, first..model.layers_len(), &self.placement);
        self.read(model, hidden.squeeze_dim(0))
    }

    /// The same for responses that stand [`behind`](Self::behind) a prompt of which layers `first` and on left `prompt`.
    ///
    /// # Panics
    /// If `prompt` was computed from another layer on.
    pub fn predicting_hidden_behind(
        &self,
        model: &CausalLm,
        first: usize,
        entering: Tensor<3>,
        prompt: &PromptCache,
    ) -> Tensor<2> {
        let hidden = model.run_continued(entering, first..model.layers_len(), &self.placement, &prompt.layers);
        self.read(model, Tensor::cat(vec![prompt.last.clone(), hidden.squeeze_dim(0)], 0))
    }

    /// The rows that somebody reads, normed: the norm works row by row.
    fn read(&self, model: &CausalLm, hidden: Tensor<2>) -> Tensor<2> {
        let hidden = hidden.select(0, self.predictors.clone());
        model.final_norm(hidden.unsqueeze_dim(0)).squeeze_dim(0)
    }

    /// Per-token log-probabilities of all response tokens, nats, `[targets]`.
    pub fn token_log_probs(&self, model: &CausalLm, head_chunk: usize) -> Tensor<1> {
        model.log_probs(self.predicting_hidden(model), self.targets(), head_chunk)
    }

    /// Summed log-probability of each response, `s(y) = Σ_t log π(y_t | x, y_<t)`, nats, `[responses]`.
    pub fn log_probs(&self, model: &CausalLm, head_chunk: usize) -> Tensor<1> {
        self.summed(self.token_log_probs(model, head_chunk))
    }

    /// Per-token log-probabilities from what enters layer `first`, nats, `[targets]`.
    pub fn token_log_probs_from(
        &self,
        model: &CausalLm,
        first: usize,
        entering: Tensor<3>,
        head_chunk: usize,
    ) -> Tensor<1> {
        model.log_probs(self.predicting_hidden_from(model, first, entering), self.targets(), head_chunk)
    }

    /// Sums figures of single tokens, `[targets]`, over each response: `[responses]`.
    pub fn summed(&self, per_token: Tensor<1>) -> Tensor<1> {
        self.membership.clone().matmul(per_token.unsqueeze_dim(1)).squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{chunk_ranges, group_ranges};

    #[test]
    fn chunks_respect_the_budget_and_keep_the_order() {
        let ids: Vec<Vec<u32>> = [3, 4, 5, 20, 1].iter().map(|&n| vec![0; n]).collect();
        let responses: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        // Prompt 10: 10+3+4 = 17, and 5 more would make 22 > 20; 20 exceeds the budget alone.
        assert_eq!(chunk_ranges(10, &responses, 20), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(chunk_ranges(10, &responses, 1000), std::iter::once(0..5).collect::<Vec<_>>());
        assert_eq!(chunk_ranges(10, &responses, 0).len(), 5);
        assert!(chunk_ranges(10, &[], 20).is_empty());
        // A group, 43 tokens in all, in one pass up to twice the budget.
        assert_eq!(group_ranges(10, &responses, 22).len(), 1);
        assert_eq!(group_ranges(10, &responses, 21), chunk_ranges(10, &responses, 21));
    }
}
