//! Tokenizers: read from a `tokenizer.json` or a GGUF vocabulary, or trained on texts.

mod config;
mod special_tokens;
mod text_tokenizer;
mod training;

pub(crate) use config::{CONFIG, read_config, tokenizer_error};
pub use special_tokens::SpecialTokens;
pub(crate) use special_tokens::named_token;
pub use text_tokenizer::TextTokenizer;
