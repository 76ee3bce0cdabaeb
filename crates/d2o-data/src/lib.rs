#![doc = include_str!("../README.md")]

mod contained;
mod dataset;
mod encode;
mod encoded_row;
mod error;
mod export;
mod fingerprint;
mod formats;
mod gguf_export;
mod gguf_vocabulary;
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
mod template;
mod tokenizer;
#[cfg(test)]
mod work;

pub use dataset::{Dataset, DatasetOptions, DatasetSummary};
pub use encode::{Encoder, Limits, Sequence};
pub use encoded_row::EncodedRow;
pub use error::{Cause, DataError, TemplateFault};
pub use formats::{Format, LabelledAnswer, LoadOptions, load_labelled};
pub use lint::{Finding, LintKind, LintReport, lint};
pub use load::{load_negatives, read_negatives, read_rows};
pub use negatives::{Negatives, Reading};
pub use prompts::{PromptRow, load_prompts, parse_prompts};
pub use sample::{Message, NegativeSample, Place, Prompt};
pub use shape::Shape;
pub use split::{Split, deduplicate, shuffle, split_by_prompt};
pub use template::ChatTemplate;
pub use tokenizer::{SpecialTokens, TextTokenizer};
