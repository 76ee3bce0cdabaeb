//! What can be wrong with a user's data.

use std::path::PathBuf;

use thiserror::Error;

/// An error of this crate.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum DataError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line is not what its format asks for.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A field is missing, empty or of another type.
    #[error("{}:{line}: field `{field}` {problem}; expected {expected}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
        /// What was expected.
        expected: &'static str,
    },
    /// No row of a file is a rejected answer.
    #[error("{}: none of {rows} rows is a rejected answer: {reason}", path.display())]
    NoNegatives {
        /// The file.
        path: PathBuf,
        /// Rows read.
        rows: usize,
        /// Why none counts.
        reason: String,
    },
    /// A tokenizer cannot be read or built.
    #[error("{}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A chat template cannot be parsed or refuses these messages.
    #[error("chat template: {reason}")]
    Template {
        /// What it said.
        reason: String,
    },
    /// A prompt is empty once encoded.
    #[error("a prompt has no tokens")]
    EmptyPrompt,
}

impl DataError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Line { .. } => "each line is one JSON object; a cut last line means that the file was not copied whole",
            Self::Field { .. } => "rows look like {\"prompt\": \"…\", \"rejected\": \"…\"}",
            Self::NoNegatives { .. } => "lower data.threshold, or check that the labels mark bad answers",
            Self::Tokenizer { .. } => "use the tokenizer.json that was published with the weights",
            Self::Template { .. } => "the model's template may not take system messages or two user turns in a row",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
