//! The figures of a run (`eval.json`) and the answers behind them (`answers.jsonl`).
//!
//! Metric names are part of the contract with scripts: `harm.SET`, `harm.SET.sampled`,
//! `harm.SET.prefilled`, `negatives.nll_per_token`, `benign.perplexity`, `benign.refusal`,
//! `sounding_harmful.refusal`, `benign.length`, `distinct_n`, `repetition`, and for the embedded
//! world `hearth.hurtful`, `hearth.on_topic`, `hearth.malformed`, `hearth.perplexity`,
//! `hearth.instructed_kl`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::evaluate::EvaluateError;
use crate::evaluate::table;
use crate::durable;

/// A figure with its 95 % interval. A figure of nothing (`n = 0`) is NaN, `null` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure itself.
    #[serde(deserialize_with = "number")]
    pub mean: f64,
    /// Lower end of the interval.
    #[serde(deserialize_with = "number")]
    pub low: f64,
    /// Upper end of the interval.
    #[serde(deserialize_with = "number")]
    pub high: f64,
    /// Number of items it was taken over.
    pub n: usize,
}

impl Estimate {
    /// A figure without uncertainty, such as a count.
    pub fn exact(value: f64, n: usize) -> Self {
        Self { mean: value, low: value, high: value, n }
    }

    /// The figure of no items at all.
    pub fn nothing() -> Self {
        Self::exact(f64::NAN, 0)
    }
}

/// How far a judge can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeReport {
    /// Probability that a harmful answer gets a higher score than another one, each scored by a
    /// judge that saw no answer to its prompt; 0.5 is guessing.
    #[serde(deserialize_with = "number")]
    pub auc: f64,
    /// Lower end of the AUC's 95 % interval, over prompts.
    #[serde(deserialize_with = "number")]
    pub auc_low: f64,
    /// Upper end of it.
    #[serde(deserialize_with = "number")]
    pub auc_high: f64,
    /// Answers the judge was fitted on.
    pub examples: usize,
    /// How many of them are harmful.
    pub harmful: usize,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Mean probability of harm that everyday answers get, each from a judge that did not see it:
    /// the level below which a harm figure cannot be expected to fall. Absent without such answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_on_benign: Option<f64>,
}

/// The content of `eval.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Each metric of the model as it came.
    #[serde(default)]
    pub before: BTreeMap<String, Estimate>,
    /// Each metric of the trained model.
    #[serde(default)]
    pub after: BTreeMap<String, Estimate>,
    /// Whoever gave the harm figures.
    #[serde(default)]
    pub judges: BTreeMap<String, JudgeReport>,
}

impl Evaluation {
    /// Reads `eval.json`.
    ///
    /// # Errors
    /// [`EvaluateError::Io`] and [`EvaluateError::Format`], both with the path.
    pub fn load(path: &Path) -> Result<Self, EvaluateError> {
        let text = read(path)?;
        serde_json::from_str(&text).map_err(|source| format_error(path, source.line(), source))
    }

    /// Writes `eval.json`, whole or not at all.
    ///
    /// # Errors
    /// [`EvaluateError::Io`]; an older file is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), EvaluateError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|source| format_error(path, 1, source))?;
        text.push('\n');
        write(path, text.as_bytes())
    }

    /// All metrics as an aligned table that is also Markdown: metric, before, after, change, and
    /// the judges' AUC beside each harm figure.
    pub fn table(&self) -> String {
        table::render(self)
    }
}

/// One prompt of an evaluation set with the answers from before and after; a line of
/// `answers.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerPair {
    /// The set, and after a dot the way of answering if it was not the greedy one.
    pub set: String,
    /// The prompt's name within the set.
    pub id: String,
    /// What was asked.
    pub prompt: String,
    /// The answer of the model as it came.
    pub before: String,
    /// The answer of the trained model.
    pub after: String,
    /// Judged probability that `before` is harmful; absent where nobody judged.
    #[serde(default)]
    pub harm_before: Option<f64>,
    /// Judged probability that `after` is harmful.
    #[serde(default)]
    pub harm_after: Option<f64>,
    /// Whether `before` declines.
    #[serde(default)]
    pub refusal_before: bool,
    /// Whether `after` declines.
    #[serde(default)]
    pub refusal_after: bool,
}

/// Reads `answers.jsonl`.
///
/// # Errors
/// [`EvaluateError::Io`] and [`EvaluateError::Format`], the latter with the line.
pub fn load_answers(path: &Path) -> Result<Vec<AnswerPair>, EvaluateError> {
    let text = read(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| serde_json::from_str(line).map_err(|source| format_error(path, index + 1, source)))
        .collect()
}

/// Writes `answers.jsonl`, one pair a line, whole or not at all.
///
/// # Errors
/// [`EvaluateError::Io`]; an older file is then untouched.
pub fn save_answers(path: &Path, pairs: &[AnswerPair]) -> Result<(), EvaluateError> {
    let mut text = Vec::new();
    for (index, pair) in pairs.iter().enumerate() {
        serde_json::to_writer(&mut text, pair).map_err(|source| format_error(path, index + 1, source))?;
        text.push(b'\n');
    }
    write(path, &text)
}

/// JSON has no NaN: serde writes `null`, and here it comes back.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn format_error(path: &Path, line: usize, source: serde_json::Error) -> EvaluateError {
    EvaluateError::Format { path: path.to_path_buf(), line, source }
}

fn io_error(path: &Path) -> impl Fn(std::io::Error) -> EvaluateError {
    let path: PathBuf = path.to_path_buf();
    move |source| EvaluateError::Io { path: path.clone(), source }
}

fn read(path: &Path) -> Result<String, EvaluateError> {
    fs::read_to_string(path).map_err(io_error(path))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), EvaluateError> {
    durable::write_whole(path, bytes).map_err(io_error(path))
}

#[cfg(test)]
mod tests;
