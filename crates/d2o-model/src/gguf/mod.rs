//! Files in GGUF: a model with its vocabulary in one file.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 1 to 3, little endian.

mod architecture;
mod cursor;
mod dequantize;
mod encoding;
mod hf;
mod k_quants;
mod quantize;
mod reader;
mod rope;
mod rows;
mod save;
mod tensors;
mod value;
mod vocabulary;
mod writer;

pub use reader::GgufFile;
pub use save::{GgufDtype, save_gguf};
pub use value::{List, Value};
pub use vocabulary::Vocabulary;
