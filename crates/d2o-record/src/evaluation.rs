//! The figures of an evaluation (`eval.json`) and the answers behind them (`answers.jsonl`).
//!
//! ```json
//! {"before": {METRIC: {"mean", "low", "high", "n"}}, "after": {…}, "change": {…}, "judges": {NAME: {"auc", …}}}
//! ```
//!
//! [`Metric`] lists the names, which are part of the contract with scripts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable::{self, at};
use crate::error::EvaluationError;
use crate::metric::Metric;
use crate::nan_as_null;

/// A figure with its 95 % interval. A figure of nothing (`n = 0`) is NaN, `null` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure itself.
    #[serde(with = "nan_as_null")]
    pub mean: f64,
    /// Lower end of the interval.
    #[serde(with = "nan_as_null")]
    pub low: f64,
    /// Upper end of the interval.
    #[serde(with = "nan_as_null")]
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
    #[serde(with = "nan_as_null")]
    pub auc: f64,
    /// Lower end of the AUC's 95 % interval, over prompts.
    #[serde(with = "nan_as_null")]
    pub auc_low: f64,
    /// Upper end of it.
    #[serde(with = "nan_as_null")]
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
    pub before: BTreeMap<Metric, Estimate>,
    /// Each metric of the trained model.
    #[serde(default)]
    pub after: BTreeMap<Metric, Estimate>,
    /// Each metric of the trained model minus that of the model as it came, with the interval of a paired bootstrap
    /// over prompts: both models answered the same ones. Absent where nothing is paired.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub change: BTreeMap<Metric, Estimate>,
    /// Whoever gave the harm figures.
    #[serde(default)]
    pub judges: BTreeMap<String, JudgeReport>,
}

impl Evaluation {
    /// Reads `eval.json`.
    ///
    /// # Errors
    /// [`EvaluationError::File`] and [`EvaluationError::Format`], both with the path.
    pub fn load(path: &Path) -> Result<Self, EvaluationError> {
        let text = read(path)?;
        serde_json::from_str(&text).map_err(|source| format_error(path, source.line(), source))
    }

    /// Writes `eval.json`, whole or not at all.
    ///
    /// # Errors
    /// [`EvaluationError::File`]; an older file is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), EvaluationError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|source| format_error(path, 1, source))?;
        text.push('\n');
        write(path, text.as_bytes())
    }
}

/// One prompt of an evaluation set with the answers from before and after; a line of
/// `answers.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Whether `before` shows the habit; absent where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub habit_before: Option<bool>,
    /// Whether `after` shows the habit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub habit_after: Option<bool>,
}

/// Reads `answers.jsonl`.
///
/// # Errors
/// [`EvaluationError::File`] and [`EvaluationError::Format`], the latter with the line.
pub fn load_answers(path: &Path) -> Result<Vec<AnswerPair>, EvaluationError> {
    let text = read(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| serde_json::from_str(line).map_err(|source| format_error(path, index + 1, source)))
        .collect()
}

/// Writes `answers.jsonl`, one pair a line, whole or not at all.
///
/// # Errors
/// [`EvaluationError::File`]; an older file is then untouched.
pub fn save_answers(path: &Path, pairs: &[AnswerPair]) -> Result<(), EvaluationError> {
    let mut text = Vec::new();
    for (index, pair) in pairs.iter().enumerate() {
        serde_json::to_writer(&mut text, pair).map_err(|source| format_error(path, index + 1, source))?;
        text.push(b'\n');
    }
    write(path, &text)
}

fn format_error(path: &Path, line: usize, source: serde_json::Error) -> EvaluationError {
    EvaluationError::Format { path: path.to_path_buf(), line, source }
}

fn read(path: &Path) -> Result<String, EvaluationError> {
    Ok(at(path, fs::read_to_string(path))?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), EvaluationError> {
    Ok(durable::write(path, bytes)?)
}

#[cfg(test)]
mod tests;
