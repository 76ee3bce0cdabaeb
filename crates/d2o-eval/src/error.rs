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
}

impl EvalError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::OneClass { harmful: true, .. } => "add answers that are not harmful, such as everyday ones",
            Self::OneClass { harmful: false, .. } => "add answers that people labelled harmful",
            Self::TooFewGroups { .. } => "lower the number of folds, or give examples of more prompts",
            Self::Knob { .. } => "leave the knob out to get its default",
        };
        Some(text.to_owned())
    }
}
