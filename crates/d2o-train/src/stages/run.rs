//! A run directory with everything that its stages share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use burn::tensor::Device;
use d2o_data::{Limits, LoadOptions};

use super::ledger::Ledger;
use super::rejected;
use crate::base::Base;
use crate::config::{RejectedSource, RunConfig};
use crate::device;
use crate::durable::{self, at};
use crate::error::TrainError;
use crate::events::{Event, Observers};
use crate::fetch;
use crate::prepared::{DataSettings, Prepared};
use crate::trainer::step::Chunking;

/// Rows whose logits are held at once: at a vocabulary of 50,000 about 50 MB.
pub const HEAD_ROWS: usize = 256;

/// A run in progress.
pub struct Run<'a> {
    /// Its directory.
    pub dir: PathBuf,
    /// Its resolved configuration.
    pub config: RunConfig,
    /// Where it computes, untracked.
    pub device: Device,
    /// The model it starts from.
    pub base: Base,
    /// The user's rows.
    pub data: Prepared,
    /// Finished stages.
    pub ledger: Ledger,
    /// Who watches.
    pub observers: Observers,
    /// Set when the user asks to leave.
    pub interrupt: &'a AtomicBool,
}

impl<'a> Run<'a> {
    /// Creates the directory, writes `run.toml` first, opens model and data.
    ///
    /// # Errors
    /// A directory that cannot be written, a model or data that cannot be read or do not fit.
    pub fn open(
        dir: &Path,
        config: RunConfig,
        mut observers: Observers,
        interrupt: &'a AtomicBool,
    ) -> anyhow::Result<Self> {
        at(dir, fs::create_dir_all(dir))?;
        durable::write(&dir.join("run.toml"), config.to_toml()?.as_bytes())?;
        let device = device::open(&config.device.backend)?;
        let ledger = Ledger::open(dir)?;
        let path = fetch::resolve_model(&config.model.path)?;
        let mut base = Base::open(&path, config.data.chat, &device)?;
        if let Some(adapter) = &config.model.adapter {
            base = base.with_adapter(adapter)?.merged();
        }
        let settings = data_settings(&config)?;
        check_context(&config, &base)?;
        let began = Instant::now();
        observers.emit(&Event::StageStarted { stage: d2o_record::stage::PREPARE.to_owned() })?;
        let data = Prepared::new(&settings, &base.encoder)?;
        let summary = &data.summary;
        observers.emit(&Event::StageFinished {
            stage: d2o_record::stage::PREPARE.to_owned(),
            wall_s: began.elapsed().as_secs_f64(),
            detail: format!(
                "{} rows, {} duplicates, {} groups to train on, {} rows held out",
                summary.rows, summary.duplicates, summary.train, summary.held_out
            ),
        })?;
        let mut run = Self { dir: dir.to_path_buf(), config, device, base, data, ledger, observers, interrupt };
        if run.config.data.rejected == RejectedSource::Own {
            rejected::own(&mut run)?;
        }
        let json = serde_json::to_vec_pretty(&run.data.summary)?;
        durable::write(&dir.join("data.json"), &json)?;
        Ok(run)
    }

    /// How groups are cut into forward passes.
    pub fn chunking(&self) -> Chunking {
        Chunking { tokens: self.config.train.tokens_per_chunk, head_rows: HEAD_ROWS }
    }
}

/// What the configuration says about data, with references resolved to files.
///
/// # Errors
/// References that cannot be fetched or found.
pub fn data_settings(config: &RunConfig) -> anyhow::Result<DataSettings> {
    let mut files = Vec::new();
    for reference in &config.data.negatives {
        files.extend(fetch::resolve_files(reference)?);
    }
    Ok(DataSettings {
        files,
        load: LoadOptions { format: config.data.format, threshold: config.data.threshold },
        max_groups: config.data.max_groups,
        held_out: config.data.held_out,
        limits: Limits {
            max_prompt_tokens: config.data.max_prompt_tokens,
            max_response_tokens: config.data.max_response_tokens,
        },
        max_rejected_tokens: config.data.max_rejected_tokens,
        seed: config.seed,
    })
}

fn check_context(config: &RunConfig, base: &Base) -> Result<(), TrainError> {
    let prompt = config.data.max_prompt_tokens;
    let longest = [
        ("data.max_response_tokens", config.data.max_response_tokens),
        ("anchors.sampler.max_new_tokens", config.anchors.sampler.max_new_tokens),
        ("eval.max_new_tokens", config.eval.max_new_tokens),
    ];
    for (field, response) in longest {
        if prompt + response > base.context() {
            return Err(TrainError::ContextTooLong {
                field: format!("data.max_prompt_tokens + {field}"),
                requested: prompt + response,
                context: base.context(),
            });
        }
    }
    Ok(())
}
