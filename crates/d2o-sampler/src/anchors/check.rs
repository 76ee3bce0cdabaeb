//! Which drafts are worth learning from.

use crate::{Draft, Finish};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// What makes a draft unfit to be an anchor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DraftCheck {
    /// Drafts of fewer tokens count as empty. 0 allows a draft that stops at once.
    pub min_tokens: usize,
    /// Longest n-gram, in tokens, whose repetition at the end is looked for. 0 turns it off.
    pub max_repeat_ngram: usize,
    /// This many copies of one n-gram in a row at the end make a loop. 0 turns it off.
    pub max_repeats: usize,
    /// Below this share of distinct 4-grams among all 4-grams a draft counts as looping. 0 turns
    /// it off.
    pub min_distinct: f64,
    /// What to do with drafts that ended by length.
    pub truncated: Fallback,
    /// What to do with drafts that the caller's own test does not suit.
    pub unsuited: Fallback,
}

/// What to do with a draft whose fault one can live with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Keep it like any other.
    Keep,
    /// Draw again, and keep it only when no redraw gave anything better.
    LastResort,
    /// Never keep it.
    Reject,
}

/// The judgement on one draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftVerdict {
    /// Fit to be an anchor.
    Keep,
    /// Shorter than `min_tokens`.
    Empty,
    /// Says the same thing over and over.
    Looping,
    /// Token for token an anchor that the prompt already has.
    Duplicate,
    /// Cut off by the length limit.
    Truncated,
    /// The caller's own test refused it.
    Unsuited,
}

impl Default for DraftCheck {
    fn default() -> Self {
        Self {
            min_tokens: 1,
            max_repeat_ngram: 8,
            max_repeats: 5,
            min_distinct: 0.5,
            truncated: Fallback::LastResort,
            unsuited: Fallback::LastResort,
        }
    }
}

impl DraftCheck {
    /// Judges `draft` beside the anchors `kept` for the same prompt. The first fault counts, in
    /// the order empty, looping, duplicate, truncated.
    pub fn verdict<'a>(&self, draft: &Draft, kept: impl IntoIterator<Item = &'a [u32]>) -> DraftVerdict {
        let ids = draft.ids.as_slice();
        if ids.len() < self.min_tokens {
            DraftVerdict::Empty
        } else if self.is_looping(ids) {
            DraftVerdict::Looping
        } else if kept.into_iter().any(|other| other == ids) {
            DraftVerdict::Duplicate
        } else if draft.finished == Finish::Length && self.truncated != Fallback::Keep {
            DraftVerdict::Truncated
        } else {
            DraftVerdict::Keep
        }
    }

    /// True when the end is one n-gram `max_repeats` times in a row, `n ≤ max_repeat_ngram`, or
    /// when the share of distinct 4-grams is below `min_distinct`.
    pub fn is_looping(&self, ids: &[u32]) -> bool {
        let repeats =
            self.max_repeats > 0 && (1..=self.max_repeat_ngram).any(|n| repeats_at_end(ids, n) >= self.max_repeats);
        repeats || distinct_share(ids).is_some_and(|share| share < self.min_distinct)
    }
}

/// How many times in a row the last `n` ids stand at the end: 1 when nothing repeats, 0 when there
/// are fewer than `n`.
fn repeats_at_end(ids: &[u32], n: usize) -> usize {
    let mut blocks = ids.rchunks_exact(n);
    match blocks.next() {
        Some(last) => 1 + blocks.take_while(|&block| block == last).count(),
        None => 0,
    }
}

/// Distinct 4-grams over all 4-grams; none for fewer than four ids.
fn distinct_share(ids: &[u32]) -> Option<f64> {
    let windows = ids.windows(4);
    let total = windows.len();
    let distinct = windows.collect::<HashSet<_>>().len();
    (total > 0).then(|| distinct as f64 / total as f64)
}
