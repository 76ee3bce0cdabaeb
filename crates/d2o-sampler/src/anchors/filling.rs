//! The bookkeeping between rounds of drawing anchors.

use super::check::{DraftVerdict, Fallback};
use super::config::AnchorConfig;
use super::draws::{AnchorDraft, AnchorDraws, AnchorSlot, DropCounts, anchor_seed};
use crate::{Draft, Request};
use std::collections::HashMap;

/// The slots on their way to being filled.
pub(crate) struct Filling<'a> {
    slots: &'a [AnchorSlot],
    config: &'a AnchorConfig,
    seed: u64,
    /// The anchor of each slot, once there is one.
    kept: Vec<Option<AnchorDraft>>,
    /// The first draft of each slot that is kept if nothing better comes, with its fault.
    spare: Vec<Option<(DraftVerdict, AnchorDraft)>>,
    /// Slots of each group, as indices into `slots`.
    groups: HashMap<usize, Vec<usize>>,
    dropped: DropCounts,
}

impl<'a> Filling<'a> {
    pub(crate) fn new(slots: &'a [AnchorSlot], config: &'a AnchorConfig, seed: u64) -> Self {
        let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, slot) in slots.iter().enumerate() {
            groups.entry(slot.group).or_default().push(index);
        }
        let kept = vec![None; slots.len()];
        let spare = vec![None; slots.len()];
        Self { slots, config, seed, kept, spare, groups, dropped: DropCounts::default() }
    }

    /// Slots that hold no anchor yet, as indices into `slots`.
    pub(crate) fn pending(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|&index| self.kept[index].is_none()).collect()
    }

    /// What to ask the sampler for, draft number `attempt` of each pending slot.
    pub(crate) fn requests(&self, pending: &[usize], attempt: usize) -> Vec<Request> {
        let request = |&index: &usize| Request {
            prompt: self.slots[index].prompt_ids.clone(),
            seed: self.seed_of(index, attempt),
        };
        pending.iter().map(request).collect()
    }

    fn seed_of(&self, index: usize, attempt: usize) -> u64 {
        anchor_seed(self.seed, self.slots[index].group, self.slots[index].slot, attempt)
    }

    /// Ids of the anchors that the group of slot `index` already has.
    fn kept_beside(&self, index: usize) -> impl Iterator<Item = &[u32]> {
        let members = &self.groups[&self.slots[index].group];
        members.iter().filter_map(|&member| Some(self.kept[member].as_ref()?.ids.as_slice()))
    }

    /// Keeps the draft, or counts why not; `suits` is what the caller's own test says of it.
    pub(crate) fn judge(&mut self, index: usize, draft: Draft, attempt: usize, suits: bool) {
        let check = &self.config.check;
        let verdict = match check.verdict(&draft, self.kept_beside(index)) {
            DraftVerdict::Keep if !suits => DraftVerdict::Unsuited,
            verdict => verdict,
        };
        let fallback = match verdict {
            DraftVerdict::Truncated => check.truncated,
            DraftVerdict::Unsuited => check.unsuited,
            DraftVerdict::Keep => Fallback::Keep,
            DraftVerdict::Empty | DraftVerdict::Looping | DraftVerdict::Duplicate => Fallback::Reject,
        };
        let AnchorSlot { group, slot, .. } = self.slots[index];
        let seed = self.seed_of(index, attempt);
        let Draft { ids, finished, .. } = draft;
        let anchor = AnchorDraft { group, slot, ids, finished, seed, redraws: attempt };
        self.dropped.add(verdict);
        match fallback {
            Fallback::Keep => self.kept[index] = Some(anchor),
            Fallback::LastResort => {
                self.spare[index].get_or_insert((verdict, anchor));
            }
            Fallback::Reject => {}
        }
    }

    /// Falls back on spare drafts, and sums up.
    pub(crate) fn finish(mut self) -> AnchorDraws {
        for index in self.pending() {
            self.keep_spare(index);
        }
        let place = |index: usize| (self.slots[index].group, self.slots[index].slot);
        AnchorDraws {
            unfilled: self.pending().into_iter().map(place).collect(),
            drafts: self.kept.into_iter().flatten().collect(),
            dropped: self.dropped,
        }
    }

    fn keep_spare(&mut self, index: usize) {
        let Some((fault, spare)) = self.spare[index].take() else {
            return;
        };
        if self.kept_beside(index).all(|other| other != spare.ids) {
            self.dropped.take_back(fault);
            self.kept[index] = Some(spare);
        }
    }
}
