//! Files in GGUF: a model with its vocabulary in one file.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 1 to 3, little endian.

mod dequantize;
mod llama;
mod reader;

pub use llama::Vocabulary;
pub use reader::{GgufFile, Value};
