//! How a file's rows are shaped.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// How a file's rows are shaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// By the file name's ending, and for JSON lines by each row's fields.
    #[default]
    Auto,
    /// JSON lines, or one JSON array where the name ends in `.json`, of `{prompt, rejected}` or
    /// `{messages, rejected}`; `chosen` and `id` optional. Without `rejected`, the last message must be
    /// the assistant's and is the rejected answer.
    Jsonl,
    /// `{prompt, response, is_safe}`, or `{prompt, response_0, response_1, is_response_0_safe,
    /// is_response_1_safe}`: each unsafe response is rejected, the safe one is `chosen`.
    SafetyPairs,
    /// `{user, assistant, category?}`: the answer is rejected, unless `category` begins with "not harmful".
    Exchanges,
    /// `{chosen, rejected}` transcripts with `Human:` and `Assistant:` turns.
    HhTranscripts,
    /// CSV with the columns `objective`, `assistant_response` and `human_score` (or `human_score_1`, …).
    ScoredCsv,
    /// Parquet with columns as in `safety_pairs` or `jsonl`; needs the feature `parquet`.
    Parquet,
}

impl Format {
    /// The same, with `Auto` decided by the file name's ending where the ending tells.
    pub(crate) fn of(self, path: &Path) -> Self {
        if self != Self::Auto {
            return self;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.') {
            Some((_, "csv")) => Self::ScoredCsv,
            Some((_, "parquet")) => Self::Parquet,
            _ => Self::Auto,
        }
    }
}

/// How to read a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadOptions {
    /// The rows' shape.
    pub format: Format,
    /// Least human score of a rejected answer, for scored rows; other rows have no use for it.
    pub threshold: f64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { format: Format::Auto, threshold: 0.75 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells_the_format_unless_one_is_named() {
        let auto = |name: &str| Format::Auto.of(Path::new(name));
        assert_eq!(auto("a/b.CSV"), Format::ScoredCsv);
        assert_eq!(auto("b.csv.gz"), Format::ScoredCsv);
        assert_eq!(auto("b.parquet"), Format::Parquet);
        assert_eq!(auto("b.jsonl.gz"), Format::Auto);
        assert_eq!(Format::SafetyPairs.of(Path::new("b.csv")), Format::SafetyPairs);
    }
}
