//! Drawing the anchors of a list of prompts, block by block, so that an interrupted draw goes on.
//!
//! Each slot's draft depends on its own seed only. Blocks have a fixed size, so the batches that the
//! model sees, and with them the last bits of its logits, are the same after a restart.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use d2o_data::Encoder;
use d2o_model::CausalLm;
use d2o_sampler::{AnchorConfig, AnchorDraws, Draft, Finish, Slot, draw_anchors};
use serde::{Deserialize, Serialize};

use super::instruction::Instruction;
use super::reference::ReferencePrompt;
use super::store::{DraftCounts, Origins, StoredAnchor, StoredGroup, StoredResponse};
use crate::cached::CachedLm;
use crate::config::AnchorSource;
use crate::durable::{self, at};
use crate::error::TrainError;
use crate::evaluate::refusal::is_refusal;
use crate::prepared::PreparedRow;
use crate::trainer::step::Chunking;

/// Groups drawn and written together.
pub(crate) const BLOCK: usize = 32;

/// How anchors are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawSettings {
    /// Whether anchors are drawn, or are the rows' preferred answers.
    pub source: AnchorSource,
    /// Anchors per prompt.
    pub k: usize,
    /// Slot `i` uses instruction `i mod len`; none draws from the bare prompt.
    pub instructions: Vec<Instruction>,
    /// Sampler, filters and redraws.
    pub anchors: AnchorConfig,
    /// Rows that are decoded together.
    pub batch: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// What the base sees in front of an anchor that it scores.
    pub reference: ReferencePrompt,
    /// What it sees in front of the rejected answer.
    pub rejected_reference: ReferencePrompt,
    /// How responses are cut into forward passes for the reference scores.
    pub chunking: Chunking,
}

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
    /// Set when the user asks to leave; the blocks written so far stay.
    pub interrupt: &'a AtomicBool,
}

/// One finished block on disk.
#[derive(Serialize, Deserialize)]
struct Block {
    origins: Origins,
    index: usize,
    groups: Vec<StoredGroup>,
    counts: DraftCounts,
}

impl Drawer<'_> {
    /// Draws and scores the anchors of all rows; `progress` hears of rows done.
    ///
    /// Finished blocks are appended to `partial`; those that another run with the same `origins` left
    /// there are taken over. The caller removes the file once the store is written.
    ///
    /// # Errors
    /// Sampling and template errors; [`TrainError::File`]; [`TrainError::Interrupted`].
    pub fn draw(
        &self,
        rows: &[PreparedRow],
        origins: &Origins,
        partial: &Path,
        mut progress: impl FnMut(usize) -> Result<(), TrainError>,
    ) -> Result<(Vec<StoredGroup>, DraftCounts), TrainError> {
        let mut groups = Vec::with_capacity(rows.len());
        let mut counts = DraftCounts::default();
        let taken = read_blocks(partial, origins)?;
        let mut file = rewrite(partial, &taken)?;
        let known = taken.len();
        for block in taken {
            counts.add(&block.counts);
            groups.extend(block.groups);
        }
        for (index, chunk) in rows.chunks(BLOCK).enumerate().skip(known) {
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(TrainError::Interrupted { step: 0 });
            }
            progress(index * BLOCK)?;
            let (drawn, block_counts) = self.block(index * BLOCK, chunk)?;
            let block = Block { origins: origins.clone(), index, groups: drawn, counts: block_counts };
            append(&mut file, partial, &block)?;
            counts.add(&block.counts);
            groups.extend(block.groups);
        }
        progress(rows.len())?;
        Ok((groups, counts))
    }

    fn block(&self, first: usize, rows: &[PreparedRow]) -> Result<(Vec<StoredGroup>, DraftCounts), TrainError> {
        match self.settings.source {
            AnchorSource::Drawn => self.drawn(first, rows),
            AnchorSource::Chosen => self.chosen(rows),
        }
    }

    /// Groups whose one anchor is the row's preferred answer; rows without one are left out.
    fn chosen(&self, rows: &[PreparedRow]) -> Result<(Vec<StoredGroup>, DraftCounts), TrainError> {
        let mut groups = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(text) = &row.chosen else { continue };
            let answer = StoredResponse { text: text.clone(), ids: row.chosen_ids.clone(), reference: 0.0 };
            groups.push(self.scored(row, vec![StoredAnchor { slot: 0, seed: 0, redraws: 0, answer }])?);
        }
        let counts = DraftCounts { groups_without_anchor: rows.len() - groups.len(), ..DraftCounts::default() };
        Ok((groups, counts))
    }

    fn drawn(&self, first: usize, rows: &[PreparedRow]) -> Result<(Vec<StoredGroup>, DraftCounts), TrainError> {
        let numbered: Vec<(usize, &PreparedRow)> = (first..).zip(rows).collect();
        let (drafted, counts) = self.drafted(&numbered)?;
        let filled = rows.iter().zip(drafted).filter(|(_, anchors)| !anchors.is_empty());
        let groups = filled.map(|(row, anchors)| self.scored(row, anchors)).collect::<Result<_, _>>()?;
        Ok((groups, counts))
    }

    /// The anchors of these rows, each with the number that its seeds come from: none where no draft passed. Their
    /// reference scores are still to come.
    fn drafted(&self, rows: &[(usize, &PreparedRow)]) -> Result<(Vec<Vec<StoredAnchor>>, DraftCounts), TrainError> {
        let slots = self.slots(rows)?;
        let settings = self.settings;
        let mut sampler = CachedLm::new(self.sampler.clone(), settings.anchors.sampler.max_new_tokens);
        let tokenizer = self.encoder.tokenizer();
        let declines = |_: &Slot, draft: &Draft| is_refusal(&tokenizer.decode(&draft.ids, true));
        let DrawSettings { anchors, seed, batch, .. } = settings;
        let drawn = draw_anchors(&mut sampler, &slots, anchors, *seed, *batch, declines, |_, _| {})
            .map_err(|error| TrainError::Sampling { message: error.to_string() })?;
        let drafted: Vec<Vec<StoredAnchor>> = rows.iter().map(|(number, _)| self.anchors(&drawn, *number)).collect();
        let mut counts = DraftCounts::of(&drawn);
        counts.groups_without_anchor = drafted.iter().filter(|anchors| anchors.is_empty()).count();
        Ok((drafted, counts))
    }

    fn slots(&self, rows: &[(usize, &PreparedRow)]) -> Result<Vec<Slot>, TrainError> {
        let mut slots = Vec::with_capacity(rows.len() * self.settings.k);
        for &(group, row) in rows {
            for slot in 0..self.settings.k {
                slots.push(Slot { prompt_ids: self.prompt_of_slot(row, slot)?, group, slot });
            }
        }
        Ok(slots)
    }

    /// The prompt's ids behind the instruction of a slot; the bare prompt's where there is no instruction.
    pub(super) fn prompt_of_slot(&self, row: &PreparedRow, slot: usize) -> Result<Vec<u32>, TrainError> {
        let instructions = &self.settings.instructions;
        match instructions.get(slot % instructions.len().max(1)) {
            Some(instruction) => Ok(self.encoder.prompt_ids(&instruction.apply(&row.prompt))?),
            None => Ok(row.prompt_ids.clone()),
        }
    }

    fn anchors(&self, drawn: &AnchorDraws, group: usize) -> Vec<StoredAnchor> {
        let end = self.encoder.end_token();
        drawn
            .drafts
            .iter()
            .filter(|draft| draft.group == group)
            .map(|draft| {
                let text = self.encoder.tokenizer().decode(&draft.ids, true);
                let mut ids = draft.ids.clone();
                if matches!(draft.finished, Finish::Stop(_)) {
                    ids.push(end);
                }
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
    pub fn redraw(&self, rows: &[(usize, &PreparedRow)]) -> Result<(Vec<Vec<StoredAnchor>>, DraftCounts), TrainError> {
        let (mut drafted, counts) = self.drafted(rows)?;
        for ((_, row), anchors) in rows.iter().zip(&mut drafted).filter(|(_, anchors)| !anchors.is_empty()) {
            let scores = self.anchor_references(row, anchors)?;
            anchors.iter_mut().zip(scores).for_each(|(anchor, score)| anchor.answer.reference = score);
        }
        Ok((drafted, counts))
    }

    /// Puts the base's log-probabilities beside the anchors and the rejected answer.
    fn scored(&self, row: &PreparedRow, mut anchors: Vec<StoredAnchor>) -> Result<StoredGroup, TrainError> {
        let (scores, reference) = self.references(row, &anchors)?;
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

impl DraftCounts {
    /// Drafts thrown away, for whatever reason.
    pub fn dropped(&self) -> usize {
        self.empty + self.looping + self.duplicate + self.truncated + self.not_declining
    }

    fn of(drawn: &AnchorDraws) -> Self {
        let dropped = &drawn.dropped;
        Self {
            drawn: drawn.drafts.len() + dropped.total(),
            empty: dropped.empty,
            looping: dropped.looping,
            duplicate: dropped.duplicate,
            truncated: dropped.truncated,
            not_declining: dropped.unsuited,
            unfilled: drawn.unfilled.len(),
            groups_without_anchor: 0,
        }
    }

    /// Adds the counts of another lot.
    pub fn add(&mut self, other: &Self) {
        self.drawn += other.drawn;
        self.empty += other.empty;
        self.looping += other.looping;
        self.duplicate += other.duplicate;
        self.truncated += other.truncated;
        self.not_declining += other.not_declining;
        self.unfilled += other.unfilled;
        self.groups_without_anchor += other.groups_without_anchor;
    }
}

/// Complete blocks of the same origin, in order; a torn or foreign line ends the list.
fn read_blocks(partial: &Path, origins: &Origins) -> Result<Vec<Block>, TrainError> {
    if !partial.exists() {
        return Ok(Vec::new());
    }
    let text = at(partial, fs::read(partial))?;
    let mut blocks: Vec<Block> = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        match serde_json::from_slice::<Block>(line) {
            Ok(block) if block.origins == *origins && block.index == blocks.len() => blocks.push(block),
            _ => break,
        }
    }
    Ok(blocks)
}

fn rewrite(partial: &Path, blocks: &[Block]) -> Result<File, TrainError> {
    if let Some(parent) = partial.parent() {
        at(parent, fs::create_dir_all(parent))?;
    }
    durable::write(partial, &[])?;
    let mut file = at(partial, OpenOptions::new().append(true).open(partial))?;
    for block in blocks {
        append(&mut file, partial, block)?;
    }
    Ok(file)
}

fn append(file: &mut File, path: &Path, block: &Block) -> Result<(), TrainError> {
    let mut line = serde_json::to_vec(block).expect("a block is plain data");
    line.push(b'\n');
    at(path, file.write_all(&line))?;
    Ok(at(path, file.sync_data())?)
}
