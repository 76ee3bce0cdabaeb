//! What a frozen model thinks of whole responses.

use std::ops::Range;

use burn::tensor::Tensor;

use super::packed::{Continuation, Packed, group_ranges};
use super::prompt_cache::PromptCache;
use crate::CausalLm;

/// How a group is cut into forward passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunking {
    /// Tokens in one packed forward pass at the most, prompt included; 0 is the naive layout: each response alone
    /// behind its own copy of the prompt.
    pub tokens: usize,
    /// Positions whose logits are held at once.
    pub head_rows: usize,
}

/// Summed log-probabilities of all responses of one prompt, untracked, nats, `[responses]`.
///
/// `model` must be frozen: a tracked forward without a backward keeps its graph.
///
/// # Panics
/// If there is no response, or the prompt or a response is empty.
pub fn score(model: &CausalLm, prompt: &[u32], responses: &[&[u32]], chunking: Chunking) -> Tensor<1> {
    let device = model.device().without_autodiff();
    let ranges = group_ranges(prompt.len(), responses, chunking.tokens);
    let cache = (ranges.len() > 1 && chunking.tokens > 0).then(|| PromptCache::new(model, prompt));
    let scores = ranges.into_iter().map(|range| {
        let responses = &responses[range];
        let Some(cache) = &cache else {
            return Packed::new(prompt, responses, &device).log_probs(model, chunking.head_rows);
        };
        let packed = Packed::behind(prompt, responses, &device);
        let hidden = packed.predicting_hidden_behind(model, 0, packed.entering(model, 0), cache);
        packed.summed(model.log_probs(hidden, packed.targets(), chunking.head_rows))
    });
    Tensor::cat(scores.collect(), 0)
}

/// Consecutive pairs of prompt and response whose tokens stay within `budget`; at least one pair each.
pub fn token_batches(pairs: &[(Vec<u32>, Vec<u32>)], budget: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut tokens = 0;
    for (index, (prompt, response)) in pairs.iter().enumerate() {
        let more = prompt.len() + response.len();
        match batches.last_mut() {
            Some(batch) if tokens + more <= budget => batch.end = index + 1,
            _ => {
                batches.push(index..index + 1);
                tokens = 0;
            }
        }
        tokens += more;
    }
    batches
}

/// Summed log-probability of each response after its own prompt, untracked, nats, `[pairs]`.
///
/// All pairs run in one pass without padding, and what all prompts begin with (a template's system
/// message) is computed once. `model` must be frozen.
///
/// # Panics
/// If there is no pair, or a prompt or a response is empty.
pub fn score_pairs(model: &CausalLm, pairs: &[(Vec<u32>, Vec<u32>)], chunking: Chunking) -> Tensor<1> {
    let first = &pairs[0].0;
    let common = |ids: &[u32]| ids.iter().zip(first).take_while(|(a, b)| a == b).count();
    let shared = pairs.iter().map(|(prompt, _)| common(prompt)).min().unwrap_or(0);
    let rests: Vec<Vec<u32>> = pairs.iter().map(|(prompt, response)| [&prompt[shared..], response].concat()).collect();
    let rows: Vec<Continuation<'_>> = rests
        .iter()
        .zip(pairs)
        .map(|(ids, (prompt, _))| Continuation { ids, unscored: prompt.len() - shared })
        .collect();
    Packed::continuations(&first[..shared], &rows, &model.device()).log_probs(model, chunking.head_rows)
}
