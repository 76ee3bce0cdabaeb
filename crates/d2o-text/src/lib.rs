#![doc = include_str!("../README.md")]

mod contained;
mod encoder;
mod error;
mod export;
mod fingerprint;
mod gguf_export;
mod gguf_vocabulary;
mod message;
mod template;
mod tokenizer;
#[cfg(feature = "counted")]
#[doc(hidden)]
pub mod work;

pub use contained::contained;
pub use encoder::{Encoder, Limits, Sequence, Tokens};
pub use error::{TemplateFault, TextError};
pub use message::{Message, Prompt};
pub use template::ChatTemplate;
pub use tokenizer::{SpecialTokens, TextTokenizer};
