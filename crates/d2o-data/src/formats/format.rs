//! How to read a file.

use serde::{Deserialize, Serialize};

/// How a file's rows are shaped. Its content tells how rows stand in it: JSON lines, a JSON list, a table, Parquet,
/// packed with gzip or Zstandard or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// By each row's fields, whatever the file is called.
    #[default]
    Auto,
    /// A prompt in `prompt`, `messages` or another known field, with `rejected`; `chosen` and `id` optional. Without
    /// `rejected`, the last message must be the assistant's and is the rejected answer.
    Jsonl,
    /// `{prompt, response, is_safe}`, or `{prompt, response_0, response_1, is_response_0_safe,
    /// is_response_1_safe}`: each unsafe response is rejected, the safe one is `chosen`.
    SafetyPairs,
    /// `{user, assistant, category?}`: the answer is rejected, unless `category` begins with "not harmful".
    Exchanges,
    /// `{chosen, rejected}` transcripts with `Human:` and `Assistant:` turns.
    HhTranscripts,
    /// A table with the columns `objective`, `assistant_response` and `human_score` (or `human_score_1`, …).
    ScoredCsv,
    /// Parquet, with columns named like the fields of any of these; `auto` finds it out.
    Parquet,
}

/// How to read a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadOptions {
    /// The rows' shape.
    pub format: Format,
    /// Least human score of a rejected answer, for scored tables; other rows have no use for it.
    pub threshold: f64,
    /// Highest rating of a rejected answer, for rows with `rating`, `stars` or `score`; without it, up to 2 of a
    /// rating on a scale that goes to 3 or above, and rows with another number are refused.
    pub max_rating: Option<f64>,
    /// Whether a row that cannot be read is an error instead of being left out and counted.
    pub strict: bool,
}

impl Default for LoadOptions {
    /// The shape by the fields, scores from 0.75 on, stars up to 2, rows that cannot be read left out.
    fn default() -> Self {
        Self { format: Format::Auto, threshold: 0.75, max_rating: None, strict: false }
    }
}
