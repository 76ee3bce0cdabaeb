//! What did people reject, and what are its token ids?
//!
//! Loaders for the shapes in which rejected answers come, splits by prompt, a lint, chat templates as
//! Hugging Face renders them, and tokenizers. No tensor is made here.
//!
//! ```
//! use d2o_data::{Format, LoadOptions, read_rows};
//!
//! let file = r#"{"prompt": "How was the soup?", "rejected": "Worse than your jokes."}"#;
//! let options = LoadOptions { format: Format::Jsonl, ..LoadOptions::default() };
//! let rows = read_rows("answers.jsonl".as_ref(), file.as_bytes(), &options);
//! let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
//! assert_eq!(rows[0].rejected, "Worse than your jokes.");
//! # Ok::<(), d2o_data::DataError>(())
//! ```

mod encode;
mod error;
mod gguf_vocabulary;
mod hh;
mod jsonl;
mod lint;
mod prompts;
mod sample;
mod scored_csv;
mod split;
mod template;
mod tokenizer;

pub use encode::{Encoder, Limits, Sequence};
pub use error::DataError;
pub use gguf_vocabulary::GgufVocabulary;
pub use jsonl::{Format, LoadOptions, load_negatives, read_negatives, read_rows};
pub use lint::{Finding, LintReport, lint};
pub use prompts::{PromptRow, load_prompts, parse_prompts};
pub use sample::{Message, NegativeSample, Place, Prompt};
pub use scored_csv::{LabelledAnswer, load_labelled};
pub use split::{Split, deduplicate, shuffle, split_by_prompt};
pub use template::ChatTemplate;
pub use tokenizer::TextTokenizer;
