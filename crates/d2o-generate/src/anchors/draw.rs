//! Drawing the anchors of a list of prompts, block by block, so that an interrupted draw goes on.
//!
//! Each slot's draft depends on its own seed only. Blocks have a fixed size, so the batches that the
//! model sees, and with them the last bits of its logits, are the same after a restart.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use d2o_data::EncodedRow;
use d2o_eval::{Answered, EvalError, Habit};
use d2o_model::CausalLm;
use d2o_record::ObserveError;
use d2o_sampler::{AnchorDraws, AnchorSlot, Draft, draw_anchors};
use d2o_text::Encoder;

use super::blocks::{Block, Blocks};
use super::reference::References;
use super::settings::{AnchorSource, DrawSettings};
use super::store::{DraftCounts, StoredAnchor, StoredGroup, StoredResponse};
use crate::answers::end_of;
use crate::cached::CachedLm;
use crate::error::GenerateError;
use crate::origins::Origins;

/// Groups drawn and written together.
pub(crate) const BLOCK: usize = 32;

/// What a draw reads.
pub struct Drawer<'a> {
    /// The frozen base, which scores.
    pub model: &'a CausalLm,
    /// What draws: the same, or a policy on its way, rounded as the sampler may be.
    pub sampler: CausalLm,
    /// Its tokenizer and template.
    pub encoder: &'a Encoder,
    /// How to draw.
    pub settings: &'a DrawSettings,
    /// What an anchor should not show; `settings.anchors.check.unsuited` says what becomes of a draft that does.
    pub habit: &'a Habit,
    /// Set when the user asks to leave; the blocks written so far stay.
    pub interrupt: &'a AtomicBool,
}

impl Drawer<'_> {
    /// Draws and scores the anchors of all rows; `progress` hears of rows done.
    ///
    /// Finished blocks are appended to `partial`; those that another run with the same `origins` left
    /// there are taken over. The caller removes the file once the store is written.
    ///
    /// # Errors
    /// Sampling and template errors; [`GenerateError::File`]; [`GenerateError::Interrupted`].
    pub fn draw(
        &self,
        rows: &[EncodedRow],
        origins: &Origins,
        partial: &Path,
        mut progress: impl FnMut(usize) -> Result<(), ObserveError>,
    ) -> Result<(Vec<StoredGroup>, DraftCounts), GenerateError> {
        let mut groups = Vec::with_capacity(rows.len());
        let mut counts = DraftCounts::default();
        let (mut blocks, taken) = Blocks::open(partial, origins)?;
        let known = taken.len();
        for block in taken {
            counts.add(&block.counts);
            groups.extend(block.groups);
        }
        for (index, chunk) in rows.chunks(BLOCK).enumerate().skip(known) {
            if self.interrupt.load(Ordering::Relaxed) {
                let (done, total) = (index * BLOCK, rows.len());
                return Err(GenerateError::Interrupted { done, total, unit: "prompts", kept: true });
            }
            progress(index * BLOCK)?;
            let (drawn, block_counts) = self.block(index * BLOCK, chunk)?;
            let block = Block { origins: origins.clone(), index, groups: drawn, counts: block_counts };
            blocks.append(&block)?;
            counts.add(&block.counts);
            groups.extend(block.groups);
        }
        progress(rows.len())?;
        Ok((groups, counts))
    }

    fn block(&self, first: usize, rows: &[EncodedRow]) -> Result<(Vec<StoredGroup>, DraftCounts), GenerateError> {
        match self.settings.source {
            AnchorSource::Drawn => self.drawn(first, rows),
            AnchorSource::Chosen => self.chosen(rows),
        }
    }

    /// Groups whose one anchor is the row's preferred answer; rows without one are left out.
    fn chosen(&self, rows: &[EncodedRow]) -> Result<(Vec<StoredGroup>, DraftCounts), GenerateError> {
        let mut groups = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(text) = &row.chosen else { continue };
            let answer = StoredResponse { text: text.clone(), ids: row.chosen_ids.clone(), reference: 0.0 };
            groups.push(self.scored(row, vec![StoredAnchor { slot: 0, seed: 0, redraws: 0, answer }])?);
        }
        let counts = DraftCounts { groups_without_anchor: rows.len() - groups.len(), ..DraftCounts::default() };
        Ok((groups, counts))
    }

    fn drawn(&self, first: usize, rows: &[EncodedRow]) -> Result<(Vec<StoredGroup>, DraftCounts), GenerateError> {
        let numbered: Vec<(usize, &EncodedRow)> = (first..).zip(rows).collect();
        let (drafted, counts) = self.drafted(&numbered)?;
        let filled = rows.iter().zip(drafted).filter(|(_, anchors)| !anchors.is_empty());
        let groups = filled.map(|(row, anchors)| self.scored(row, anchors)).collect::<Result<_, _>>()?;
        Ok((groups, counts))
    }

    /// The anchors of these rows, each with the number that its seeds come from: none where no draft passed. Their
    /// reference scores are still to come.
    fn drafted(&self, rows: &[(usize, &EncodedRow)]) -> Result<(Vec<Vec<StoredAnchor>>, DraftCounts), GenerateError> {
        let slots = self.slots(rows)?;
        let settings = self.settings;
        let mut sampler = CachedLm::new(self.sampler.clone(), settings.anchors.sampler.max_new_tokens);
        let mut failed = None;
        let suits = |drafts: &[(&AnchorSlot, &Draft)]| match self.shown(rows, drafts) {
            Ok(shown) => shown.into_iter().map(|shown| !shown).collect(),
            // Nothing is drawn again for an error.
            Err(error) => {
                failed.get_or_insert(error);
                vec![true; drafts.len()]
            }
        };
        let DrawSettings { anchors, seed, batch, .. } = settings;
        let drawn = draw_anchors(&mut sampler, &slots, anchors, *seed, *batch, suits, |_, _| {})
            .map_err(|error| GenerateError::sampling(&error))?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let drafted: Vec<Vec<StoredAnchor>> = rows.iter().map(|(number, _)| self.anchors(&drawn, *number)).collect();
        let mut counts = DraftCounts::of(&drawn);
        counts.groups_without_anchor = drafted.iter().filter(|anchors| anchors.is_empty()).count();
        Ok((drafted, counts))
    }

    /// Which drafts show the habit, each as an answer to the bare prompt of its row.
    fn shown(&self, rows: &[(usize, &EncodedRow)], drafts: &[(&AnchorSlot, &Draft)]) -> Result<Vec<bool>, EvalError> {
        let prompts: BTreeMap<usize, String> = rows.iter().map(|(number, row)| (*number, row.prompt.text())).collect();
        let texts: Vec<String> =
            drafts.iter().map(|(_, draft)| self.encoder.tokenizer().decode(&draft.ids, true)).collect();
        let answered = drafts.iter().zip(&texts).map(|((slot, draft), text)| Answered {
            prompt: &prompts[&slot.group],
            answer: text,
            tokens: draft.ids.len(),
        });
        self.habit.shown(&answered.collect::<Vec<_>>())
    }

    fn slots(&self, rows: &[(usize, &EncodedRow)]) -> Result<Vec<AnchorSlot>, GenerateError> {
        let mut slots = Vec::with_capacity(rows.len() * self.settings.k);
        for &(group, row) in rows {
            for slot in 0..self.settings.k {
                slots.push(AnchorSlot {
                    prompt_ids: self.settings.prompt_of_slot(self.encoder, row, slot)?,
                    group,
                    slot,
                });
            }
        }
        Ok(slots)
    }

    fn anchors(&self, drawn: &AnchorDraws, group: usize) -> Vec<StoredAnchor> {
        drawn
            .drafts
            .iter()
            .filter(|draft| draft.group == group)
            .map(|draft| {
                let text = self.encoder.tokenizer().decode(&draft.ids, true);
                let ids = draft.ids.iter().copied().chain(end_of(draft.finished, self.encoder)).collect();
                StoredAnchor {
                    slot: draft.slot,
                    seed: draft.seed,
                    redraws: draft.redraws,
                    answer: StoredResponse { text, ids, reference: 0.0 },
                }
            })
            .collect()
    }

    /// The anchors of these rows (each with the number that its seeds come from), drawn and scored; none where no draft passed.
    ///
    /// # Errors
    /// Sampling and template errors.
    pub fn redraw(
        &self,
        rows: &[(usize, &EncodedRow)],
    ) -> Result<(Vec<Vec<StoredAnchor>>, DraftCounts), GenerateError> {
        let (mut drafted, counts) = self.drafted(rows)?;
        for ((_, row), anchors) in rows.iter().zip(&mut drafted).filter(|(_, anchors)| !anchors.is_empty()) {
            let scores = self.references().anchors(row, anchors)?;
            anchors.iter_mut().zip(scores).for_each(|(anchor, score)| anchor.answer.reference = score);
        }
        Ok((drafted, counts))
    }

    fn references(&self) -> References<'_> {
        References { model: self.model, encoder: self.encoder, settings: self.settings }
    }

    /// Puts the base's log-probabilities beside the anchors and the rejected answer.
    fn scored(&self, row: &EncodedRow, mut anchors: Vec<StoredAnchor>) -> Result<StoredGroup, GenerateError> {
        let (scores, reference) = self.references().all(row, &anchors)?;
        if let Some(&value) = scores.iter().chain([&reference]).find(|score| !score.is_finite()) {
            return Err(GenerateError::NonFinite { what: format!("a reference score of row `{}`", row.id), value });
        }
        anchors.iter_mut().zip(scores).for_each(|(anchor, score)| anchor.answer.reference = score);
        Ok(StoredGroup {
            id: row.id.clone(),
            prompt: row.prompt.messages(),
            prompt_ids: row.prompt_ids.clone(),
            rejected: StoredResponse { text: row.rejected.clone(), ids: row.rejected_ids.clone(), reference },
            anchors,
        })
    }
}
