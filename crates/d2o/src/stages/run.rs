//! A run directory with everything that its stages share.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use d2o_data::Dataset;
use d2o_eval::Habit;
use d2o_generate::LanguageModel;
use d2o_model::CausalLm;
use d2o_model::responses::Chunking;
use d2o_record::{Observers, RunLock};
use d2o_train::trainer::HEAD_ROWS;

use super::asker::Asker;
use super::ledger::Ledger;
use crate::config::RunConfig;

/// A run in progress; [`prepare::open`](super::prepare::open) makes it, [`accept`](super::accept::accept) lets it write.
pub struct Run<'a> {
    /// Its directory.
    pub dir: PathBuf,
    /// The right to write there.
    pub lock: RunLock,
    /// Its resolved configuration.
    pub config: RunConfig,
    /// Where it computes, untracked.
    pub device: Device,
    /// The model it starts from.
    pub base: LanguageModel,
    /// The user's rows.
    pub data: Dataset,
    /// The habit that the model is to lose.
    pub habit: Habit,
    /// Fingerprint of what decides what the habit says, where more does than the keys of other sections.
    pub habit_print: Option<String>,
    /// Finished stages.
    pub ledger: Ledger,
    /// Who watches.
    pub observers: Observers,
    /// Set when the user asks to leave.
    pub interrupt: &'a AtomicBool,
}

impl Run<'_> {
    /// The base with those who watch.
    pub(crate) fn asker(&mut self) -> Asker<'_> {
        let Self { config, base, observers, interrupt, .. } = self;
        Asker { config, base, observers, interrupt }
    }

    /// How groups are cut into forward passes.
    #[must_use]
    pub fn chunking(&self) -> Chunking {
        Chunking { tokens: self.config.train.tokens_per_chunk, head_rows: HEAD_ROWS }
    }

    /// The base as training compares with it: in the precision of the run, so that a policy that is still the base scores
    /// alike to the last bit.
    #[must_use]
    pub fn reference(&self) -> CausalLm {
        self.base.model.clone().with_precision(self.config.train.precision)
    }
}
