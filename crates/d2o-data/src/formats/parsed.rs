//! What every format gives to the loaders.

use crate::error::DataError;
use crate::sample::NegativeSample;

/// What one row of a file gave.
#[derive(Default)]
pub(crate) struct ParsedRow {
    /// Its rejected answers: none where every answer is good.
    pub(crate) negatives: Vec<NegativeSample>,
    /// Its human score, where rows have one.
    pub(crate) score: Option<f64>,
}

/// The rows of a file, streamed.
pub(crate) type ParsedRows = Box<dyn Iterator<Item = Result<ParsedRow, DataError>> + Send>;
