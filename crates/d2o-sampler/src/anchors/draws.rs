//! What is drawn for, and what came of it.

use super::check::DraftVerdict;
use crate::Finish;
use crate::uniforms::derive;
use serde::{Deserialize, Serialize};

/// One place to be filled: the `slot`-th anchor of the prompt `group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorSlot {
    /// The prompt as it is shown to the model, with whatever instruction belongs to this slot.
    pub prompt_ids: Vec<u32>,
    /// Which prompt this is. Anchors of one group must differ from each other.
    pub group: usize,
    /// Which of the group's anchors this is.
    pub slot: usize,
}

/// A draft that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorDraft {
    /// The prompt it belongs to.
    pub group: usize,
    /// The slot that it fills.
    pub slot: usize,
    /// The drawn ids, without the stop token.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub finished: Finish,
    /// The seed it was drawn with.
    pub seed: u64,
    /// How many drafts of this slot came before it.
    pub redraws: usize,
}

/// Everything that came of drawing anchors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnchorDraws {
    /// The anchors, in the order of the slots.
    pub drafts: Vec<AnchorDraft>,
    /// How many drafts were thrown away, and why.
    pub dropped: DropCounts,
    /// `(group, slot)` of each slot that stayed empty, in the order of the slots.
    pub unfilled: Vec<(usize, usize)>,
}

/// Drafts thrown away, by reason. A draft kept as a last resort is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DropCounts {
    /// Shorter than the least length.
    pub empty: usize,
    /// Repeating themselves.
    pub looping: usize,
    /// Equal to another anchor of the same prompt.
    pub duplicate: usize,
    /// Cut off by the length limit.
    pub truncated: usize,
    /// Refused by the caller's own test.
    pub unsuited: usize,
}

impl DropCounts {
    /// All drafts thrown away.
    pub fn total(&self) -> usize {
        self.empty + self.looping + self.duplicate + self.truncated + self.unsuited
    }

    pub(crate) fn add(&mut self, verdict: DraftVerdict) {
        if let Some(count) = self.of(verdict) {
            *count += 1;
        }
    }

    /// A draft that was dropped for `verdict` is kept after all.
    pub(crate) fn take_back(&mut self, verdict: DraftVerdict) {
        if let Some(count) = self.of(verdict) {
            *count -= 1;
        }
    }

    fn of(&mut self, verdict: DraftVerdict) -> Option<&mut usize> {
        match verdict {
            DraftVerdict::Keep => None,
            DraftVerdict::Empty => Some(&mut self.empty),
            DraftVerdict::Looping => Some(&mut self.looping),
            DraftVerdict::Duplicate => Some(&mut self.duplicate),
            DraftVerdict::Truncated => Some(&mut self.truncated),
            DraftVerdict::Unsuited => Some(&mut self.unsuited),
        }
    }
}

/// The seed of a slot's draft number `attempt`, 0 being the first.
pub fn anchor_seed(seed: u64, group: usize, slot: usize, attempt: usize) -> u64 {
    [group, slot, attempt].into_iter().fold(seed, |seed, part| derive(seed, part as u64))
}
