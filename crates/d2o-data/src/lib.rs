#![doc = include_str!("../README.md")]

mod dataset;
mod encoded_row;
mod error;
mod formats;
mod lint;
mod load;
mod negatives;
mod parquet_pages;
mod parquet_rows;
mod prompts;
mod row;
mod rows;
mod sample;
mod shape;
mod source;
mod split;

pub use dataset::{Dataset, DatasetOptions, DatasetSummary};
pub use encoded_row::EncodedRow;
pub use error::{Cause, DataError};
pub use formats::{Format, LabelledAnswer, LoadOptions, load_labelled};
pub use lint::{Finding, LintKind, LintReport, lint};
pub use load::{load_negatives, read_negatives, read_rows};
pub use negatives::{Negatives, Reading};
pub use prompts::{PromptRow, load_prompts, parse_prompts};
pub use sample::{NegativeSample, Place};
pub use shape::Shape;
pub use split::{Split, deduplicate, shuffle, split_by_prompt};
