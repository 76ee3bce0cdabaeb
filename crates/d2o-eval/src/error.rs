//! What can go wrong in an evaluation, and whose turn it is.

use std::path::PathBuf;

use thiserror::Error;

/// An error of a judge or of a file of figures.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum EvaluateError {
    /// Reading or writing a file failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file holds something else than figures or answers.
    #[error("{}:{line}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
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

impl EvaluateError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => "run the evaluation first; it writes this file",
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                    "choose a directory that you may write to"
                }
                _ => return None,
            },
            Self::Format { .. } => "remove the file; the next evaluation writes it again",
            Self::OneClass { harmful: true, .. } => "add answers that are not harmful, such as everyday ones",
            Self::OneClass { harmful: false, .. } => "add answers that people labelled harmful",
            Self::TooFewGroups { .. } => "lower the number of folds, or give examples of more prompts",
            Self::Knob { .. } => "leave the knob out to get its default",
        };
        Some(text.to_owned())
    }
}
