//! How anchors are drawn, and what they are scored on.

use d2o_data::{DataError, EncodedRow};
use d2o_model::responses::Chunking;
use d2o_sampler::AnchorConfig;
use d2o_text::Encoder;
use serde::{Deserialize, Serialize};

use super::instruction::Instruction;

/// Where anchors come from. In a run file: `anchors.source`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorSource {
    /// The model's own answers, `k` for each prompt: D²O.
    #[default]
    Drawn,
    /// The rows' preferred answers, one for each prompt: DPO and its relatives as published, on pairs.
    Chosen,
}

/// Whether anchors have to be refusals, where the habit is `declining`. In a run file: `anchors.declining`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declining {
    /// Every answer may be an anchor.
    #[default]
    Any,
    /// Other answers are drawn again, and kept only if no redraw is a refusal.
    Preferred,
    /// Other answers are never kept.
    Required,
}

/// What the frozen base sees in front of an answer that it scores. In a run file: `anchors.reference` and
/// `anchors.rejected_reference`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferencePrompt {
    /// The prompt as it is, as the policy sees it.
    #[default]
    Bare,
    /// The prompt behind the anchor's instruction: the base on its best behaviour, a second, more helpful reference.
    Instructed,
}

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

impl DrawSettings {
    /// The prompt's ids behind the instruction of a slot; the bare prompt's where there is no instruction.
    pub(super) fn prompt_of_slot(
        &self,
        encoder: &Encoder,
        row: &EncodedRow,
        slot: usize,
    ) -> Result<Vec<u32>, DataError> {
        let number = slot % self.instructions.len().max(1);
        match self.instructions.get(number) {
            Some(instruction) => {
                let place = || format!("row {} behind anchors.instructions[{number}]", row.id);
                encoder
                    .prompt_ids(&instruction.apply(&row.prompt))
                    .map_err(|problem| DataError::of_row(problem, place()))
            }
            None => Ok(row.prompt_ids.clone()),
        }
    }
}
