//! `d2o negatives`: the model's own answers that show a habit, as rows of rejected answers.

use std::io::Write;

use d2o_record::Observers;
use serde_json::json;

use super::cli::NegativesArgs;
use super::{habit, interrupt, warn};
use crate::config::{RunConfig, presets};
use crate::device;
use crate::stages::asker::Asker;
use crate::stages::{prepare, rejected};
use crate::terminal::Progress;

/// Draws answers to the prompts, and prints those that show the habit, one JSON object a line: `id`, `prompt` (a text, or
/// messages) and `rejected`.
///
/// # Errors
/// A model or prompts that cannot be read, a habit that needs rows, sampling errors.
pub fn negatives(args: &NegativesArgs) -> anyhow::Result<()> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let prompts: Vec<String> = args.prompts.iter().map(|prompts| quoted(prompts)).collect();
    let mut set = vec![
        format!("seed={}", args.seed),
        format!("model.path={}", quoted(&args.model.model)),
        format!("device.backend={}", quoted(&args.model.backend)),
        format!("device.threads={}", args.model.threads),
        format!("data.chat={}", args.model.chat),
        format!("data.prompts=[{}]", prompts.join(", ")),
        format!("data.samples={}", args.samples),
        format!("data.max_response_tokens={}", args.max_new_tokens),
        format!("anchors.batch={}", args.batch),
    ];
    set.extend(habit::assignments(&args.habit)?);
    let config = RunConfig::parse("command line", presets::OWN, &set)?;
    device::limit_threads(config.device.threads);
    let device = device::open(&config.device.backend)?;
    let base = prepare::base(&config, &device)?;
    warn(&base.warnings)?;
    let mut observers = Observers::new().with(Progress::stderr());
    let mut asker = Asker { config: &config, base: &base, observers: &mut observers, interrupt: interrupt() };
    let habit = prepare::habit(&mut asker)?;
    let rows = rejected::from_prompts(&mut asker, &habit)?;
    let mut out = std::io::stdout().lock();
    for row in &rows {
        writeln!(out, "{}", json!({ "id": row.id, "prompt": row.prompt, "rejected": row.rejected }))?;
    }
    let drawn = format!("{} answers show the habit", rows.len());
    writeln!(std::io::stderr(), "{drawn}; read them before you train on them")?;
    Ok(())
}
