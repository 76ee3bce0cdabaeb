//! How a run file names a habit.

use std::time::Duration;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{Habit, JudgingCommand, Lengths};
use crate::error::EvalError;

/// Most bytes of a compiled regular expression: a repetition of repetitions is refused instead of filling the memory.
const LARGEST_PATTERN: usize = 16 << 20;

/// The habit that the model is to lose: which answers show it. `kind` names how that is told; only the keys of that kind
/// may stand beside it.
///
/// The same habit decides three things: which drafts may be anchors (those that do not show it; others are drawn again),
/// which of the model's own answers are rejected ones (`data.rejected`), and what is counted before and after training
/// (`habit.rate`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum HabitConfig {
    /// Nothing tells: every draft may be an anchor, the rejected answers are those of the rows, and nothing is counted.
    // Braces, so that serde refuses fields beside the tag.
    None {},
    /// Harmful requests are to be declined: an answer to them shows the habit unless it is a refusal by the words that it
    /// begins with. Harmless prompts have no part in it. `anchors.declining` says what becomes of other drafts.
    Declining {},
    /// A regular expression (syntax of the Rust crate `regex`) matches somewhere in the answer.
    Pattern {
        /// The expression. `^` is the answer's beginning, spaces left out, `(?m)^` that of a line; `(?i)` ignores case;
        /// `\p{Cyrillic}` is a letter of that script.
        pattern: String,
    },
    /// The answer is shorter or longer than it should be. At least one limit has to be set.
    Length {
        /// Fewest words; 0: no limit.
        #[serde(default)]
        min_words: usize,
        /// Most words; 0: no limit.
        #[serde(default)]
        max_words: usize,
        /// Fewest tokens; 0: no limit.
        #[serde(default)]
        min_tokens: usize,
        /// Most tokens; 0: no limit. Has to be below the length at which answers are cut.
        #[serde(default)]
        max_tokens: usize,
    },
    /// A classifier of words or of letters, whichever tells labelled answers apart better.
    Judged {
        /// Files of answers with labels: a table with the columns `objective`, `assistant_response` and `human_score`, 1
        /// where the answer shows the habit, or rows `{prompt, rejected}` and `{prompt, rejected, chosen}`. Empty: fitted
        /// on the rows' rejected answers against the model's own other answers to the same prompts.
        #[serde(default)]
        labelled: Vec<String>,
        /// Least probability at which an answer shows the habit, if half of all answers did. Default 0.5.
        #[serde(default = "half")]
        threshold: f64,
    },
    /// A program of your own. It reads JSON lines `{"prompt": "…", "answer": "…"}` on its standard input until that ends,
    /// and writes one number a line for each, in their order; it ends with exit code 0.
    Command {
        /// The program and its arguments, each a text; no shell reads them.
        command: Vec<String>,
        /// Least number at which an answer shows the habit. Default 0.5.
        #[serde(default = "half")]
        threshold: f64,
        /// Longest time of one call, seconds; 0 waits as long as it takes. Default 600.
        #[serde(default = "ten_minutes")]
        timeout_s: u64,
    },
}

fn half() -> f64 {
    0.5
}

fn ten_minutes() -> u64 {
    600
}

impl Default for HabitConfig {
    fn default() -> Self {
        Self::None {}
    }
}

impl HabitConfig {
    /// Its name in a run file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None {} => "none",
            Self::Declining {} => "declining",
            Self::Pattern { .. } => "pattern",
            Self::Length { .. } => "length",
            Self::Judged { .. } => "judged",
            Self::Command { .. } => "command",
        }
    }

    /// Whether every value is one that the kind takes.
    ///
    /// # Errors
    /// [`EvalError::Habit`] naming the field.
    pub fn validate(&self) -> Result<(), EvalError> {
        let wrong =
            |field, expected: &str, got: String| Err(EvalError::Habit { field, expected: expected.to_owned(), got });
        let threshold = |threshold: f64| match threshold.is_finite() {
            true => Ok(()),
            false => wrong("habit.threshold", "a number", threshold.to_string()),
        };
        match self {
            Self::None {} | Self::Declining {} => Ok(()),
            Self::Pattern { pattern } => compile(pattern).map(drop),
            Self::Length { min_words, max_words, min_tokens, max_tokens } => {
                if [min_words, max_words, min_tokens, max_tokens].iter().all(|limit| **limit == 0) {
                    return wrong("habit.max_words", "at least one limit above 0", "none".to_owned());
                }
                for (field, least, most) in
                    [("habit.max_words", min_words, max_words), ("habit.max_tokens", min_tokens, max_tokens)]
                {
                    if *most > 0 && most < least {
                        return wrong(field, &format!("at least the lower limit, {least}"), most.to_string());
                    }
                }
                Ok(())
            }
            Self::Judged { threshold: least, .. } => match (0.0..=1.0).contains(least) {
                true => Ok(()),
                false => wrong("habit.threshold", "a probability", least.to_string()),
            },
            Self::Command { command, threshold: least, .. } => {
                if command.first().is_none_or(|program| program.trim().is_empty()) {
                    return wrong("habit.command", "a program and its arguments", format!("{command:?}"));
                }
                threshold(*least)
            }
        }
    }

    /// The habit, where it needs no examples: all kinds but [`Judged`](Self::Judged), for which there is `None`.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn habit(&self) -> Result<Option<Habit>, EvalError> {
        self.validate()?;
        Ok(Some(match self {
            Self::None {} => Habit::None,
            Self::Declining {} => Habit::Declining,
            Self::Pattern { pattern } => Habit::Pattern(compile(pattern)?),
            &Self::Length { min_words, max_words, min_tokens, max_tokens } => {
                Habit::Length(Lengths { min_words, max_words, min_tokens, max_tokens })
            }
            Self::Judged { .. } => return Ok(None),
            Self::Command { command, threshold, timeout_s } => Habit::Command(JudgingCommand {
                command: command.clone(),
                threshold: *threshold,
                timeout: (*timeout_s > 0).then(|| Duration::from_secs(*timeout_s)),
            }),
        }))
    }
}

fn compile(pattern: &str) -> Result<Regex, EvalError> {
    let wrong =
        |expected: &str, got: String| EvalError::Habit { field: "habit.pattern", expected: expected.to_owned(), got };
    if pattern.is_empty() {
        return Err(wrong("a regular expression", "nothing".to_owned()));
    }
    let compiled = RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build();
    compiled.map_err(|error| {
        // The last line says what is wrong; those before it draw where.
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
        wrong("a regular expression", format!("`{pattern}` ({last})"))
    })
}
