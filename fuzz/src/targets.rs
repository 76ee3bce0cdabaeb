//! The targets.

mod data;
mod models;
mod runs;

pub use data::{packed, parquet, prompts, rows, tables, template, tokenizer};
pub use models::{adapter, config, gguf, tiny_model, weights};
pub use runs::{anchors, checkpoint, events, run_file};
