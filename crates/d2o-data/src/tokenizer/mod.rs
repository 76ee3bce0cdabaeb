//! Tokenizers: read from a `tokenizer.json` or a GGUF vocabulary, or trained on texts.

mod config;
mod text_tokenizer;
mod training;

pub(crate) use config::{named_token, read_config, tokenizer_error};
pub use text_tokenizer::TextTokenizer;
