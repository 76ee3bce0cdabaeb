//! The shapes in which rejected answers are published, and which of them a row has.

mod exchange;
mod format;
mod hh;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod parsed;
mod preference;
mod rows;
mod safety;
mod scored_csv;

pub use format::{Format, LoadOptions};
#[cfg(feature = "parquet")]
pub(crate) use parquet_rows::read as read_parquet;
pub(crate) use parsed::{ParsedRow, ParsedRows};
pub(crate) use preference::prompt;
pub(crate) use rows::negatives;
pub(crate) use scored_csv::ScoredTable;
pub use scored_csv::{LabelledAnswer, load_labelled};
