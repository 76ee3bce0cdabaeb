//! What every format gives to the loaders.

use crate::error::DataError;
use crate::sample::NegativeSample;
use crate::shape::Shape;

/// What one row of a file gave.
#[derive(Default)]
pub(crate) struct ParsedRow {
    /// Its rejected answers: none where every answer is good.
    pub(crate) negatives: Vec<NegativeSample>,
    /// Its human score, where rows have one.
    pub(crate) score: Option<f64>,
    /// The rating that was read as stars, where rows have one.
    pub(crate) rating: Option<f64>,
    /// What the row was read as.
    pub(crate) shape: Option<Shape>,
}

impl ParsedRow {
    /// Whether it is a row of a scored table.
    pub(crate) fn is_scored(&self) -> bool {
        self.shape == Some(Shape::Scored)
    }
}

/// What is wrong with a file.
pub(crate) enum Problem {
    /// One row cannot be read; the next one may.
    Row(DataError),
    /// What follows cannot be read either.
    File(DataError),
}

impl Problem {
    pub(crate) fn into_error(self) -> DataError {
        match self {
            Self::Row(error) | Self::File(error) => error,
        }
    }
}

/// The rows of a file, streamed.
pub(crate) type ParsedRows = Box<dyn Iterator<Item = Result<ParsedRow, Problem>> + Send>;
