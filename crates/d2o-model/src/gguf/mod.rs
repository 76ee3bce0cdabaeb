//! Files in GGUF: a model with its vocabulary in one file.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 1 to 3, little endian.

mod cursor;
mod dequantize;
mod encoding;
mod k_quants;
mod llama;
mod reader;
mod tensors;
mod value;
mod vocabulary;

pub use reader::GgufFile;
pub use value::{List, Value};
pub use vocabulary::Vocabulary;
