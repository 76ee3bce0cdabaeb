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
pub fn deduplicate(samples: Vec<NegativeSample>) -> (Vec<NegativeSample>, usize) {
    let before = samples.len();
    let mut seen = HashSet::new();
    let kept: Vec<NegativeSample> = samples
        .into_iter()
        .filter(|sample| seen.insert((sample.prompt.key(), sample.rejected.trim().to_owned())))
        .collect();
    let dropped = before - kept.len();
    (kept, dropped)
}

/// Holds out about `held_out_fraction` of the prompts, with all their rows.
///
/// A prompt's side depends on its key and `seed` alone, so that more rows never move others.
pub fn split_by_prompt(samples: Vec<NegativeSample>, held_out_fraction: f64, seed: u64) -> Split {
    let mut split = Split::default();
    for sample in samples {
        let share = hash(seed, sample.prompt.key().as_bytes()) as f64 / u64::MAX as f64;
        let side = if share < held_out_fraction { &mut split.held_out } else { &mut split.train };
        side.push(sample);
    }
    split
}

/// Puts `items` into an order that depends on `seed` and their number alone (Fisher and Yates).
pub fn shuffle<T>(items: &mut [T], seed: u64) {
    for index in (1..items.len()).rev() {
        let draw = hash(seed, &(index as u64).to_le_bytes());
        let other = ((u128::from(draw) * (index as u128 + 1)) >> 64) as usize;
        items.swap(index, other);
    }
}

fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(bytes).finalize();
    u64::from_le_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}
