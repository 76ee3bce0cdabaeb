//! The shapes in which rejected answers are published, and which of them a row has.

mod answer;
mod comparison;
mod contradiction;
mod conversation;
mod exchange;
mod format;
mod hh;
mod parsed;
mod preference;
mod question;
mod rows;
mod safety;
mod scored_csv;
mod table;
mod turns;
mod unpaired;
mod verdict;
mod verdict_words;

pub use format::{Format, LoadOptions};
pub(crate) use parsed::{ParsedRow, ParsedRows, Problem};
pub(crate) use question::question;
pub(crate) use rows::parsed_row;
pub(crate) use scored_csv::ScoredTable;
pub use scored_csv::{LabelledAnswer, load_labelled};
pub(crate) use table::Table;
pub(crate) use verdict::LEAST_TOP;
