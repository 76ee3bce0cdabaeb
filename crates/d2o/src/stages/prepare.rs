//! The `prepare` stage: the lock on the run directory, the model, and the user's rows as it will see them.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use burn::tensor::Device;
use d2o_data::{Dataset, DatasetOptions, LoadOptions, NegativeSample};
use d2o_eval::Habit;
use d2o_generate::LanguageModel;
use d2o_record::{Event, Observers, RunLock, stage};
use d2o_text::Limits;

use super::asker::Asker;
use super::habit::{self, RunHabit};
use super::ledger::Ledger;
use super::rejected;
use super::run::Run;
use crate::config::{RejectedSource, RunConfig};
use crate::device;
use crate::error::RunError;
use crate::terminal::tell_reading;

/// Locks the directory, opens model and data. Nothing that lies there is changed before the run is
/// [accepted](super::accept::accept).
///
/// # Errors
/// A directory that another process works in or that cannot be written, a model or data that cannot be read or do not
/// fit. The directory is then as it was.
pub fn open<'a>(
    dir: &Path,
    config: RunConfig,
    mut observers: Observers,
    interrupt: &'a AtomicBool,
) -> anyhow::Result<Run<'a>> {
    let lock = RunLock::directory(dir)?;
    if let Some(message) = lock.warning() {
        observers.emit(&Event::Warning { message })?;
    }
    let device = device::open(&config.device.backend)?;
    let base = base(&config, &device)?;
    check_context(&config, &base)?;
    let mut asker = Asker { config: &config, base: &base, observers: &mut observers, interrupt };
    let (data, RunHabit { habit, print }) = rows(&mut asker)?;
    let ledger = Ledger::empty(dir);
    Ok(Run {
        dir: dir.to_path_buf(),
        lock,
        config,
        device,
        base,
        data,
        habit,
        habit_print: print,
        ledger,
        observers,
        interrupt,
    })
}

/// The rows to train on, and the habit that decides which of the model's own answers are among the rejected ones.
fn rows(asker: &mut Asker<'_>) -> anyhow::Result<(Dataset, RunHabit)> {
    let config = asker.config;
    let given = match config.data.negatives.is_empty() {
        true => None,
        false => Some(dataset(asker, Vec::new())?),
    };
    let found = habit::habit(asker, given.as_ref().map_or(&[], |data| &data.train))?;
    let mut data = match given {
        Some(data) if config.data.prompts.is_empty() => data,
        _ => {
            let began = Instant::now();
            let own = rejected::from_prompts(asker, &found.habit)?;
            asker.observers.emit(&Event::StageFinished {
                stage: "own answers".to_owned(),
                wall_s: began.elapsed().as_secs_f64(),
                detail: format!("{} to data.prompts show the habit", own.len()),
            })?;
            dataset(asker, own)?
        }
    };
    if config.data.rejected == RejectedSource::Own {
        let own = rejected::own(asker, &found.habit, &data.train)?;
        data.replace_rejected(own, 0);
    }
    let (begin, tokenizer) = (config.data.begin, asker.base.encoder.tokenizer());
    let placed = |rows| rejected::beginning(rows, begin, &found.habit, |ids| tokenizer.decode(ids, true));
    data.reshape(placed, config.data.max_rejected_tokens);
    habit::tell_few(asker, &data.train)?;
    Ok((data, found))
}

/// The habit that the configuration names, where no rows are there to fit one on.
///
/// # Errors
/// Labels that cannot be read, or of one kind only.
pub(crate) fn habit(asker: &mut Asker<'_>) -> anyhow::Result<Habit> {
    Ok(habit::habit(asker, &[])?.habit)
}

/// The model that the configuration names, an adapter folded in.
///
/// # Errors
/// A model or an adapter that cannot be found, fetched or read.
pub fn base(config: &RunConfig, device: &Device) -> anyhow::Result<LanguageModel> {
    let base = LanguageModel::open(&d2o_fetch::resolve_model(&config.model.path)?, config.data.chat, device)?;
    match &config.model.adapter {
        Some(adapter) => Ok(base.with_adapter(adapter)?.merged()),
        None => Ok(base),
    }
}

/// The user's rows and `own` behind them, with what is odd about them told.
fn dataset(asker: &mut Asker<'_>, own: Vec<NegativeSample>) -> anyhow::Result<Dataset> {
    let Asker { config, base, observers, .. } = asker;
    let began = Instant::now();
    observers.emit(&Event::StageStarted { stage: stage::PREPARE.to_owned() })?;
    for message in &base.warnings {
        observers.emit(&Event::Warning { message: message.clone() })?;
    }
    // They are cut when it is known where they begin.
    let options = DatasetOptions { max_rejected_tokens: 0, ..dataset_options(config)? };
    let data = Dataset::load_beside(own, &options, &base.encoder, &mut tell_reading)?;
    let (summary, lint) = (&data.summary, data.lint.summary());
    observers.emit(&Event::StageFinished {
        stage: stage::PREPARE.to_owned(),
        wall_s: began.elapsed().as_secs_f64(),
        detail: format!(
            "{} rows, {} duplicates, {} groups to train on, {} rows held out; lint: {lint}",
            summary.rows, summary.duplicates, summary.train, summary.held_out
        ),
    })?;
    if data.lint.findings.iter().any(|finding| finding.rows > 0) {
        let message = format!("odd rows: {lint}; `d2o prepare` tells where they stand");
        observers.emit(&Event::Warning { message })?;
    }
    for reason in &data.reading.reasons {
        observers.emit(&Event::Warning { message: format!("left out: {reason}") })?;
    }
    Ok(data)
}

/// What the configuration says about data, with references resolved to files.
///
/// # Errors
/// References that cannot be fetched or found.
pub fn dataset_options(config: &RunConfig) -> anyhow::Result<DatasetOptions> {
    let mut files = Vec::new();
    for reference in &config.data.negatives {
        files.extend(d2o_fetch::resolve_files(reference)?);
    }
    Ok(DatasetOptions {
        files,
        load: LoadOptions {
            format: config.data.format,
            threshold: config.data.threshold,
            max_rating: config.data.max_rating,
            strict: config.data.strict,
        },
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

fn check_context(config: &RunConfig, base: &LanguageModel) -> Result<(), RunError> {
    let prompt = config.data.max_prompt_tokens;
    let longest = [
        ("data.max_response_tokens", config.data.max_response_tokens),
        ("anchors.sampler.max_new_tokens", config.anchors.sampler.max_new_tokens),
        ("eval.max_new_tokens", config.eval.max_new_tokens),
    ];
    for (field, response) in longest {
        if prompt + response > base.context() {
            return Err(RunError::ContextTooLong {
                field: format!("data.max_prompt_tokens + {field}"),
                requested: prompt + response,
                context: base.context(),
            });
        }
    }
    Ok(())
}
