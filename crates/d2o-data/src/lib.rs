//! What did people reject, and what are its token ids?
//!
//! Loaders for the shapes in which rejected answers are published, splits by prompt, a lint, chat
//! templates as Hugging Face renders them, and tokenizers. No tensor is made here, and no model is known.
//!
//! Every complaint about a file names the file, the line and the field, and [`DataError::hint`] adds
//! what to do about it.
//!
//! ```
//! use d2o_data::{DataError, LoadOptions, read_rows, split_by_prompt};
//!
//! let file = r#"
//! {"prompt": "How was the soup?", "rejected": "Worse than your jokes."}
//! {"prompt": "Did you like the film?", "is_safe": false, "response": "Only a fool would."}
//! {"prompt": "Shall we go?", "rejected": 7}
//! "#;
//! let rows = read_rows("answers.jsonl".as_ref(), file.as_bytes(), &LoadOptions::default())?;
//! let (good, bad): (Vec<_>, Vec<_>) = rows.partition(Result::is_ok);
//!
//! let good: Vec<_> = good.into_iter().collect::<Result<_, DataError>>()?;
//! assert_eq!(good[0].rejected, "Worse than your jokes.");
//! assert_eq!(good[1].place.line, 3);
//! assert_eq!(
//!     bad[0].as_ref().unwrap_err().to_string(),
//!     "answers.jsonl:4: field `rejected` is a number; expected a text",
//! );
//!
//! // Every prompt has its side, whatever other rows there are.
//! let split = split_by_prompt(good, 0.5, 17);
//! assert_eq!(split.train.len() + split.held_out.len(), 2);
//! # Ok::<(), DataError>(())
//! ```

mod calendar;
mod csv_records;
mod encode;
mod error;
mod exchange;
mod export;
mod fingerprint;
mod format;
mod gguf_export;
mod gguf_vocabulary;
pub mod hearth;
mod hh;
mod json_array;
mod lines;
mod lint;
mod lint_report;
mod load;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod preference;
mod prompts;
mod python_json;
mod row;
mod safety;
mod sample;
mod scored_csv;
mod split;
mod template;
mod tokenizer;
mod tokenizer_training;

pub use encode::{Encoder, Limits, Sequence};
pub use error::{Cause, DataError};
pub use format::{Format, LoadOptions};
pub use lint::lint;
pub use lint_report::{Finding, LintKind, LintReport};
pub use load::{load_negatives, read_negatives, read_rows};
pub use prompts::{PromptRow, load_prompts, parse_prompts};
pub use sample::{Message, NegativeSample, Place, Prompt};
pub use scored_csv::{LabelledAnswer, load_labelled};
pub use split::{Split, deduplicate, shuffle, split_by_prompt};
pub use template::ChatTemplate;
pub use tokenizer::TextTokenizer;

/// The README's example, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
