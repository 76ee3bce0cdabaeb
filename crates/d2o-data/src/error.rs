//! What can be wrong with a user's data, tokenizer or chat template.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// What another library reported.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

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
    /// A line is not a JSON object.
    #[error("{}:{line}: not a JSON object: {problem}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// What is wrong, and in which column.
        problem: String,
        /// Whether the object is begun and never ended.
        cut: bool,
    },
    /// A row is not what its format asks for.
    #[error("{}:{line}: {problem}; expected {expected}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A field is missing, empty or of another type.
    #[error("{}:{line}: field `{field}` {problem}; expected {expected}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// The field, with its position where it stands in a list.
        field: String,
        /// What is wrong with it.
        problem: String,
        /// What was expected.
        expected: &'static str,
    },
    /// No row of a file is a rejected answer.
    #[error("{}: {}", path.display(), none_rejected(*rows, *threshold, *highest))]
    NoNegatives {
        /// The file.
        path: PathBuf,
        /// Least score that counts as rejected; none for rows without scores.
        threshold: Option<f64>,
        /// Rows read.
        rows: usize,
        /// The highest score of the file.
        highest: Option<f64>,
    },
    /// No row is left to train on.
    #[error("no group is left to train on: {reason}")]
    NoGroups {
        /// Where the rows went.
        reason: String,
    },
    /// A file of prompts holds none.
    #[error("{}: the file holds no prompt", path.display())]
    NoPrompts {
        /// The file.
        path: PathBuf,
    },
    /// A file's format was left out when this program was built.
    #[error("{}: reading {format} is not compiled in", path.display())]
    NotCompiledIn {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// A Parquet file cannot be read.
    #[error("{}: not readable as Parquet: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: Cause,
    },
    /// A tokenizer cannot be read or built.
    #[error("{}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A chat template cannot be compiled, or refuses these messages.
    #[error("chat template{}: {reason}", line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Template {
        /// Line inside the template, from 1.
        line: Option<usize>,
        /// What it said.
        reason: String,
    },
    /// A prompt is empty once encoded.
    #[error("a prompt has no tokens")]
    EmptyPrompt,
}

impl DataError {
    /// A remedy, for a `hint:` line under the message.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                "the file seems cut off; copy it again"
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                return d2o_record::remedy(source).map(str::to_owned);
            }
            Self::Io { .. } => "check that the path exists and that you may use it",
            Self::Json { cut: true, .. } => "the line ends inside its object; was the file copied whole?",
            Self::Json { .. } => "each line is one JSON object, with no list around them",
            Self::Row { .. } => {
                "look at that line of the file; the format may also be another than the one that was named"
            }
            Self::Field { field, .. } => shape_of(field),
            Self::NoNegatives { threshold: Some(_), highest: Some(_), .. } => {
                "lower the threshold to the highest score or below, or give another file"
            }
            Self::NoNegatives { .. } => "check that the file has rows and that its labels mark bad answers",
            Self::NoGroups { .. } => {
                "lower data.threshold, raise data.max_prompt_tokens or anchors.redraws, or give more rows"
            }
            Self::NoPrompts { .. } => "rows look like {\"prompt\": \"…\"}",
            Self::NotCompiledIn { feature, .. } => return Some(format!("rebuild with `--features {feature}`")),
            Self::Parquet { .. } => "columns may be uncompressed or packed with Snappy; convert others to JSON lines",
            Self::Tokenizer { .. } => "use the tokenizer files that were published with the weights",
            Self::Template { .. } => "some templates take no system message, or no two turns in a row by one speaker",
            Self::EmptyPrompt => "leave out rows whose prompt is blank",
        };
        Some(text.to_owned())
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}

fn none_rejected(rows: usize, threshold: Option<f64>, highest: Option<f64>) -> String {
    match (threshold, highest) {
        _ if rows == 0 => "the file has no rows".to_owned(),
        (Some(threshold), Some(highest)) => {
            format!("none of {rows} rows has a score of at least {threshold}; the highest is {highest}")
        }
        (Some(_), None) => format!("none of {rows} rows has a score"),
        _ => format!("none of {rows} rows is a rejected answer"),
    }
}

/// The row that a field belongs to.
fn shape_of(field: &str) -> &'static str {
    match field {
        "objective" | "assistant_response" => "the columns are objective, assistant_response and human_score",
        _ if field.starts_with("human_score") => {
            "scores are numbers in human_score or in human_score_1, human_score_2, …"
        }
        "is_safe" | "response" => "rows look like {\"prompt\": \"…\", \"response\": \"…\", \"is_safe\": false}",
        _ if field.contains("response_") => {
            "rows have prompt, response_0, response_1, is_response_0_safe and is_response_1_safe"
        }
        _ if field.starts_with("messages") => {
            "rows look like {\"messages\": [{\"role\": \"user\", \"content\": \"…\"}], \"rejected\": \"…\"}"
        }
        _ if field.starts_with("seeds") => "seed files look like `seeds:` and below it items `- value: …`",
        _ => "rows look like {\"prompt\": \"…\", \"rejected\": \"…\"}",
    }
}
