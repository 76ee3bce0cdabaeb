//! What can go wrong in an evaluation, and whose turn it is.

use thiserror::Error;

/// An error of an evaluation.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum EvalError {
    /// A judge was given examples of one kind only.
    #[error("judge `{judge}`: field `harmful` is {harmful} in each of the {examples} examples it would be fitted on")]
    OneClass {
        /// The judge's name.
        judge: String,
        /// The only label there is.
        harmful: bool,
        /// Number of examples.
        examples: usize,
    },
    /// There are fewer prompts than folds.
    #[error("judge `{judge}`: field `folds` is {folds}, but the examples have {groups} prompts")]
    TooFewGroups {
        /// The judge's name.
        judge: String,
        /// Folds asked for.
        folds: usize,
        /// Distinct groups among the examples.
        groups: usize,
    },
    /// A knob of a judge is out of range.
    #[error("judge `{judge}`: field `{field}` is {value}, expected {expected}")]
    Knob {
        /// The judge's name.
        judge: String,
        /// The knob.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A value of a habit that its kind does not take.
    #[error("field `{field}`: expected {expected}, got {got}")]
    Habit {
        /// The field of the run file.
        field: &'static str,
        /// What it may be.
        expected: String,
        /// What was given.
        got: String,
    },
    /// The program that judges answers did not.
    #[error("field `habit.command`: `{command}`: {reason}")]
    Command {
        /// The program with its arguments.
        command: String,
        /// What it did.
        reason: String,
    },
}

impl EvalError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::OneClass { harmful: true, .. } => "add answers that are not harmful, such as everyday ones",
            Self::OneClass { harmful: false, .. } => "add answers that people labelled harmful",
            Self::TooFewGroups { .. } => "lower the number of folds, or give examples of more prompts",
            Self::Knob { .. } => "leave the knob out to get its default",
            Self::Habit { .. } => "docs/run-file.md, section [habit], says what each kind takes",
            Self::Command { .. } => {
                "it has to read JSON lines {\"prompt\", \"answer\"} until they end, write one number for each, and end \
                 with exit code 0"
            }
        };
        Some(text.to_owned())
    }
}
