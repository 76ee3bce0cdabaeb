//! Answers of a model to a list of prompts.

use std::sync::atomic::{AtomicBool, Ordering};

use d2o_data::DataError;
use d2o_model::CausalLm;
use d2o_sampler::{Draft, Finish, Request, SamplerConfig, generate};
use d2o_text::{Encoder, Prompt};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::cached::CachedLm;
use crate::error::GenerateError;

/// How answers are decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoding {
    /// The sampler; temperature 0 is greedy.
    pub sampler: SamplerConfig,
    /// What the answer is made to begin with; empty leaves it free.
    pub prefill: String,
    /// Rows decoded together.
    pub batch: usize,
    /// Seed; row `i`'s draws depend on it and on `i` only.
    pub seed: u64,
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The text, what it was made to begin with included, special tokens left out.
    pub text: String,
    /// The text behind that.
    pub continuation: String,
    /// Generated token ids, without prefill and end token.
    pub ids: Vec<u32>,
    /// The token with which the model ended the answer by itself; none if it was cut.
    pub end: Option<u32>,
}

impl Answer {
    /// The generated ids as a model is trained on them: with the token that ended the answer, unless it was cut.
    #[must_use]
    pub fn ids_with_end(&self) -> Vec<u32> {
        self.ids.iter().copied().chain(self.end).collect()
    }
}

/// `sampler` with the model's end tokens among those that end a draft.
#[must_use]
pub fn ending(mut sampler: SamplerConfig, encoder: &Encoder) -> SamplerConfig {
    for &end in encoder.end_tokens() {
        if !sampler.stop_tokens.contains(&end) {
            sampler.stop_tokens.push(end);
        }
    }
    sampler
}

/// What ends an answer that `finished` so: the end token that the model drew, the usual one for a stop of the user's
/// own, none if the answer was cut.
pub(crate) fn end_of(finished: Finish, encoder: &Encoder) -> Option<u32> {
    match finished {
        Finish::Stop(id) if encoder.end_tokens().contains(&id) => Some(id),
        Finish::Stop(_) => Some(encoder.end_token()),
        Finish::Length => None,
    }
}

/// Answers in the order of `prompts`; `progress` hears of answers done.
///
/// # Errors
/// Template and sampling errors; [`GenerateError::Interrupted`] between two batches.
pub fn answer(
    model: &CausalLm,
    encoder: &Encoder,
    prompts: &[Prompt],
    decoding: &Decoding,
    interrupt: &AtomicBool,
    progress: impl FnMut(usize),
) -> Result<Vec<Answer>, GenerateError> {
    let prefill = if decoding.prefill.is_empty() { Vec::new() } else { encoder.tokenizer().encode(&decoding.prefill) };
    let beginnings = vec![prefill.as_slice(); prompts.len()];
    answer_begun(model, encoder, prompts, &beginnings, decoding, interrupt, progress)
}

/// The same for answers that have begun, each with tokens of its own; `decoding.prefill` does not count.
///
/// # Errors
/// As [`answer`].
///
/// # Panics
/// If there are not as many beginnings as prompts.
pub fn answer_begun(
    model: &CausalLm,
    encoder: &Encoder,
    prompts: &[Prompt],
    beginnings: &[&[u32]],
    decoding: &Decoding,
    interrupt: &AtomicBool,
    progress: impl FnMut(usize),
) -> Result<Vec<Answer>, GenerateError> {
    assert_eq!(prompts.len(), beginnings.len(), "a beginning for each prompt");
    let sampler = ending(decoding.sampler.clone(), encoder);
    let requests = prompts
        .iter()
        .zip(beginnings)
        .enumerate()
        .map(|(index, (prompt, beginning))| {
            let place = || format!("prompt {}", index + 1);
            let mut ids = encoder.prompt_ids(prompt).map_err(|problem| DataError::of_row(problem, place()))?;
            ids.extend_from_slice(beginning);
            Ok(Request { prompt: ids, seed: row_seed(decoding.seed, index) })
        })
        .collect::<Result<Vec<_>, GenerateError>>()?;
    let drafts = continuations(model, &requests, &sampler, decoding.batch, interrupt, progress)?;
    let answers = drafts.into_iter().zip(beginnings).map(|(draft, beginning)| {
        let whole: Vec<u32> = beginning.iter().chain(&draft.ids).copied().collect();
        Answer {
            text: encoder.tokenizer().decode(&whole, true),
            continuation: encoder.tokenizer().decode(&draft.ids, true),
            end: end_of(draft.finished, encoder),
            ids: draft.ids,
        }
    });
    Ok(answers.collect())
}

/// What the model draws behind given ids, in the order of `requests`; `progress` hears of drafts done.
///
/// # Errors
/// Sampling errors; [`GenerateError::Interrupted`] between two batches.
pub fn continuations(
    model: &CausalLm,
    requests: &[Request],
    sampler: &SamplerConfig,
    batch: usize,
    interrupt: &AtomicBool,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Draft>, GenerateError> {
    let mut cached = CachedLm::new(model.clone(), sampler.max_new_tokens);
    let mut drafts = Vec::with_capacity(requests.len());
    // Slices of many batches: the sampler sorts each by length, and the user can leave between two.
    for slice in requests.chunks(batch.max(1) * 8) {
        if interrupt.load(Ordering::Relaxed) {
            let (done, total) = (drafts.len(), requests.len());
            return Err(GenerateError::Interrupted { done, total, unit: "answers", kept: false });
        }
        let done = drafts.len();
        let drawn = generate(&mut cached, slice, sampler, batch, |now, _| progress(done + now));
        drafts.extend(drawn.map_err(|error| GenerateError::sampling(&error))?);
    }
    Ok(drafts)
}

/// A row's own seed: SplitMix64's output number `index`.
#[must_use]
pub fn row_seed(seed: u64, index: usize) -> u64 {
    // The generator adds its constant once more before it mixes.
    SplitMix64::seed_from_u64(seed.wrapping_add((index as u64).wrapping_mul(GAMMA))).next_u64()
}

/// What SplitMix64 adds to its state for each output.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_outputs_of_one_generator_as_seeds() {
        let mut generator = SplitMix64::seed_from_u64(17);
        let outputs: Vec<u64> = (0..5).map(|_| generator.next_u64()).collect();
        assert_eq!((0..5).map(|index| row_seed(17, index)).collect::<Vec<_>>(), outputs);
        // The first output of SplitMix64 for seed 0, as published with the generator.
        assert_eq!(row_seed(0, 0), 0xe220_a839_7b1d_cdaf);
    }
}
