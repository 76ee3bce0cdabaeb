//! Deduplication, splits by prompt and seeded order.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use crate::sample::NegativeSample;

/// Rows to train on and rows that training never sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// To train on.
    pub train: Vec<NegativeSample>,
    /// For evaluation.
    pub held_out: Vec<NegativeSample>,
}

/// Drops rows whose prompt and rejected answer came before; the number of dropped rows comes second.
///
/// Prompts are compared by [`key`](d2o_text::Prompt::key), answers without the space around them.
pub fn deduplicate(samples: Vec<NegativeSample>) -> (Vec<NegativeSample>, usize) {
    let before = samples.len();
    let mut seen = HashSet::new();
    let mut kept = samples;
    kept.retain(|sample| seen.insert(identity(sample)));
    let dropped = before - kept.len();
    (kept, dropped)
}

/// What two rows share when one of them is a duplicate.
pub(crate) fn identity(sample: &NegativeSample) -> (String, String) {
    (sample.prompt.key(), sample.rejected.trim().to_owned())
}

/// Holds out about `held_out_fraction` of the prompts, each with all of its rows.
///
/// A prompt's side depends on its [`key`](d2o_text::Prompt::key) and `seed` alone, so adding or removing
/// rows never moves another one. Each side keeps the rows' order.
pub fn split_by_prompt(samples: impl IntoIterator<Item = NegativeSample>, held_out_fraction: f64, seed: u64) -> Split {
    let mut split = Split::default();
    for sample in samples {
        let held_out = is_held_out(&sample.prompt.key(), held_out_fraction, seed);
        let side = if held_out { &mut split.held_out } else { &mut split.train };
        side.push(sample);
    }
    split
}

/// The side of the prompt with this [`key`](d2o_text::Prompt::key).
pub(crate) fn is_held_out(key: &str, fraction: f64, seed: u64) -> bool {
    unit(hash("split", seed, key.as_bytes())) < fraction
}

/// Puts `items` into an order that depends on `seed` and on their number alone.
///
/// Fisher and Yates's shuffle; the draw for position `i` is the beginning of SHA-256 of `shuffle`,
/// `seed` and `i`, scaled to `0..=i`. So the order is the same on every machine and in every version
/// of every random number library.
pub fn shuffle<T>(items: &mut [T], seed: u64) {
    for index in (1..items.len()).rev() {
        let draw = hash("shuffle", seed, &(index as u64).to_le_bytes());
        let other = ((u128::from(draw) * (index as u128 + 1)) >> 64) as usize;
        items.swap(index, other);
    }
}

/// 64 bits that depend on all three arguments; `purpose` keeps uses of one seed apart.
fn hash(purpose: &str, seed: u64, bytes: &[u8]) -> u64 {
    let digest = Sha256::new().chain_update(purpose).chain_update(seed.to_le_bytes()).chain_update(bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    u64::from_le_bytes(first)
}

/// A number in `[0, 1)` from the upper 53 bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
