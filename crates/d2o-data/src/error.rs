//! What can be wrong with a user's data.

use std::path::{Path, PathBuf};

use d2o_text::TextError;
use thiserror::Error;

use crate::shape::Shape;

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
    /// A file cannot be read on: it is damaged or cut off, or what follows makes no sense.
    #[error("{}:{line}: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line that could not be read, from 1.
        line: usize,
        /// What was said.
        #[source]
        source: std::io::Error,
    },
    /// A file holds something else than rows.
    #[error("{}: this is {what}, and rows cannot be read from it", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A row's fields tell no known shape.
    #[error("{}:{line}: {problem}; the row has the fields {}", path.display(), listed(fields))]
    UnknownShape {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// What is missing.
        problem: String,
        /// The fields of the row.
        fields: Vec<String>,
        /// The known shape that comes nearest.
        nearest: Shape,
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
        /// The shape that the row was read as.
        shape: Option<Shape>,
    },
    /// The ratings of a file are not on a scale of stars.
    #[error("{}: the highest rating is {highest}, so a rating of up to 2 may be a good one", path.display())]
    UnknownScale {
        /// The file.
        path: PathBuf,
        /// The highest rating.
        highest: f64,
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
    /// A Parquet file cannot be read.
    #[error("{}: not readable as Parquet: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: Cause,
    },
    /// A tokenizer or a chat template fails.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A row's prompt cannot be framed.
    #[error("{place}: prompt that cannot be framed: {problem}")]
    Unframed {
        /// Where the row stands, `path:line`.
        place: String,
        /// [`TextError::Template`] or [`TextError::EmptyPrompt`].
        problem: TextError,
    },
}

impl DataError {
    /// A remedy, for a `hint:` line under the message.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                return d2o_record::remedy(source).map(str::to_owned);
            }
            Self::Io { .. } => "check that the path exists and that you may use it",
            Self::Damaged { .. } => "the file seems cut off or damaged; copy it again",
            Self::Foreign { remedy, .. } => remedy,
            Self::Json { cut: true, .. } => "the line ends inside its object; was the file copied whole?",
            Self::Json { problem, .. } if problem.starts_with("key must be a string") => {
                "names and texts stand in double quotes, as `json.dumps` writes them; Python's own `print` does not"
            }
            Self::Json { .. } => "each line is one JSON object, or the file is one list of objects",
            Self::Row { .. } => {
                "look at that line of the file; the format may also be another than the one that was named"
            }
            Self::UnknownShape { problem, .. } if problem.contains("columns") => {
                "write rows: `to_json(path, orient=\"records\", lines=True)` in pandas"
            }
            Self::UnknownShape { problem, nearest, .. } if problem.starts_with("no field says") => {
                return Some(format!(
                    "name the answer `rejected`, or add a field that says what became of it: {}",
                    nearest.rows()
                ));
            }
            Self::UnknownShape { nearest, .. } => {
                return Some(format!("the nearest known shape is the {}: {}", nearest.name(), nearest.rows()));
            }
            Self::Field { field, expected, .. } if expected.starts_with("data.max_rating") => {
                return Some(format!(
                    "`--set data.max_rating=…` says up to which `{field}` an answer counts as rejected"
                ));
            }
            Self::Field { field, problem, shape, .. } if field == "prompt" && problem == "is missing" => {
                return Some(format!(
                    "{}; where nobody knows any more what was asked, `d2o negatives --prompts written:200` has the model write \
                     prompts, and makes rows of its answers that show the habit",
                    shape_of(field, *shape)
                ));
            }
            Self::Field { field, shape, .. } => return Some(shape_of(field, *shape)),
            Self::UnknownScale { .. } => {
                "`--set data.max_rating=…` says up to which rating an answer counts as rejected, such as 0 or -1"
            }
            Self::NoNegatives { threshold: Some(_), highest: Some(_), .. } => {
                "lower the threshold to the highest score or below, or give another file"
            }
            Self::NoNegatives { .. } => "check that the file has rows and that its labels mark bad answers",
            Self::NoGroups { .. } => {
                "lower data.threshold, raise data.max_prompt_tokens or anchors.redraws, or give more rows"
            }
            Self::NoPrompts { .. } => "rows look like {\"prompt\": \"…\"}",
            Self::Parquet { .. } => {
                "copy the file again; columns may be packed with Snappy, gzip, LZ4 or Zstandard; write others anew"
            }
            Self::Text(problem) => return problem.hint(),
            Self::Unframed { problem, .. } => return problem.hint(),
        };
        Some(text.to_owned())
    }

    /// What is wrong with the prompt of the row at `place`, if it is about the prompt.
    pub fn of_row(problem: TextError, place: impl ToString) -> Self {
        match problem {
            TextError::Template { .. } | TextError::EmptyPrompt => Self::Unframed { place: place.to_string(), problem },
            other => Self::Text(other),
        }
    }

    /// The row that the error is about, `path:line`; none where it is about no row.
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Damaged { path, line, .. }
            | Self::Json { path, line, .. }
            | Self::Row { path, line, .. }
            | Self::UnknownShape { path, line, .. }
            | Self::Field { path, line, .. } => Some(format!("{}:{line}", path.display())),
            _ => None,
        }
    }

    /// The same error with the shape that the row was read as.
    pub(crate) fn in_shape(mut self, found: Shape) -> Self {
        if let Self::Field { shape, .. } = &mut self {
            *shape = Some(found);
        }
        self
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

/// Names in a list, each between backticks; long lists are cut.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", name.escape_debug())).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    if shown.is_empty() { "none".to_owned() } else { format!("{}{more}", shown.join(", ")) }
}

/// The rows that a field belongs to.
fn shape_of(field: &str, shape: Option<Shape>) -> String {
    match (field, shape) {
        ("objective" | "assistant_response", _) => {
            "the columns are objective, assistant_response and human_score".to_owned()
        }
        _ if field.starts_with("human_score") => {
            "scores are numbers in human_score or in human_score_1, human_score_2, …".to_owned()
        }
        _ if field.starts_with("seeds") => "seed files look like `seeds:` and below it items `- value: …`".to_owned(),
        (_, Some(shape)) => shape.rows(),
        _ if field.starts_with("messages") => Shape::Conversation.rows(),
        _ => Shape::Preference.rows(),
    }
}
