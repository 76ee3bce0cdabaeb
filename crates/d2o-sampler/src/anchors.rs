//! Filling the anchor slots of every prompt.

use crate::config::ensure;
use crate::filling::Filling;
use crate::uniforms::derive;
use crate::{Draft, DraftCheck, Finish, NextLogits, SamplerConfig, SamplerError, Verdict, generate};
use serde::{Deserialize, Serialize};

/// How anchors are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorConfig {
    /// How each draft is drawn.
    pub sampler: SamplerConfig,
    /// Which drafts are thrown away.
    pub check: DraftCheck,
    /// Most redraws per slot after its first draft. 0 takes the first draft or none. Greedy
    /// drafts are never redrawn, since they would come out the same.
    pub redraws: usize,
}

/// One place to be filled: the `slot`-th anchor of the prompt `group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
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

impl Default for AnchorConfig {
    fn default() -> Self {
        Self { sampler: SamplerConfig::default(), check: DraftCheck::default(), redraws: 3 }
    }
}

impl DropCounts {
    /// All drafts thrown away.
    pub fn total(&self) -> usize {
        self.empty + self.looping + self.duplicate + self.truncated + self.unsuited
    }

    pub(crate) fn add(&mut self, verdict: Verdict) {
        if let Some(count) = self.of(verdict) {
            *count += 1;
        }
    }

    /// A draft that was dropped for `verdict` is kept after all.
    pub(crate) fn take_back(&mut self, verdict: Verdict) {
        if let Some(count) = self.of(verdict) {
            *count -= 1;
        }
    }

    fn of(&mut self, verdict: Verdict) -> Option<&mut usize> {
        match verdict {
            Verdict::Keep => None,
            Verdict::Empty => Some(&mut self.empty),
            Verdict::Looping => Some(&mut self.looping),
            Verdict::Duplicate => Some(&mut self.duplicate),
            Verdict::Truncated => Some(&mut self.truncated),
            Verdict::Unsuited => Some(&mut self.unsuited),
        }
    }
}

/// The seed of a slot's draft number `attempt`, 0 being the first.
pub fn anchor_seed(seed: u64, group: usize, slot: usize, attempt: usize) -> u64 {
    [group, slot, attempt].into_iter().fold(seed, |seed, part| derive(seed, part as u64))
}

/// Draws an anchor for every slot.
///
/// All slots are drawn first, in batches of `batch` rows; those whose draft is rejected are drawn
/// again with another seed, together, at most `config.redraws` times. What a slot holds in the end
/// depends on its group's slots, the model and `seed`, not on `batch` or on other groups.
/// `suits` is the caller's own test of a draft that has no other fault; `config.check.unsuited` says
/// what becomes of one that fails it.
/// `progress` receives the number of drafts drawn so far and of drafts planned so far; the second
/// grows with each round of redraws.
///
/// # Errors
/// As [`generate`], with the index into `slots` for the request; and [`SamplerError::Setting`] for
/// a `min_distinct` out of range.
///
/// # Panics
/// As [`generate`].
pub fn draw_anchors<M: NextLogits + ?Sized>(
    model: &mut M,
    slots: &[Slot],
    config: &AnchorConfig,
    seed: u64,
    batch: usize,
    mut suits: impl FnMut(&Slot, &Draft) -> bool,
    mut progress: impl FnMut(usize, usize),
) -> Result<AnchorDraws, SamplerError<M::Error>> {
    check_share(config.check.min_distinct)?;
    let attempts = if config.sampler.is_greedy() { 1 } else { 1 + config.redraws };
    let mut filling = Filling::new(slots, config, seed);
    let mut drawn = 0;
    for attempt in 0..attempts {
        let pending = filling.pending();
        if pending.is_empty() {
            break;
        }
        let requests = filling.requests(&pending, attempt);
        let planned = drawn + pending.len();
        let report = |done, _| progress(drawn + done, planned);
        let drafts = generate(model, &requests, &config.sampler, batch, report)
            .map_err(|error| error.renumber(|request| pending[request]))?;
        drawn = planned;
        for (&index, draft) in pending.iter().zip(drafts) {
            filling.judge(index, draft, attempt, &mut suits);
        }
    }
    Ok(filling.finish())
}

fn check_share<E>(min_distinct: f64) -> Result<(), SamplerError<E>> {
    let valid = (0.0..=1.0).contains(&min_distinct);
    ensure("min_distinct", min_distinct, valid, "a number from 0 to 1")
}
