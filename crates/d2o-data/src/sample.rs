//! Rows as the rest of the crate sees them.

use std::fmt;
use std::path::{Path, PathBuf};

use d2o_text::Prompt;

/// Where a row came from; displays as `path:line`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Physical line of the row's beginning, from 1; in Parquet, the row's number.
    pub line: usize,
}

impl Place {
    pub(crate) fn new(path: &Path, line: usize) -> Self {
        Self { path: path.to_path_buf(), line }
    }

    /// File name and line: the id of a row that has none of its own.
    pub(crate) fn id(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!("{name}:{}", self.line)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.path.display(), self.line)
    }
}

/// A prompt with an answer that people rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegativeSample {
    /// The row's own id, or file name and line.
    pub id: String,
    /// What the model was asked.
    pub prompt: Prompt,
    /// The answer that people rejected.
    pub rejected: String,
    /// An answer that people preferred, for paired baselines.
    pub chosen: Option<String>,
    /// Where the row came from.
    pub place: Place,
}
