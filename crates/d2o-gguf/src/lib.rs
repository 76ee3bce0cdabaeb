#![doc = include_str!("../README.md")]

mod cursor;
mod dequantize;
mod directory;
mod error;
mod foreign;
mod format;
mod ggml_type;
mod halves;
mod k_quants;
mod metadata;
mod quantize;
mod reader;
mod split;

mod value;
mod vocabulary;
mod writer;

pub use error::GgufError;
pub use foreign::stand_in;
pub use ggml_type::GgmlType;
pub use metadata::Metadata;
pub use reader::GgufFile;
pub use split::models_in;
pub use value::{List, Value};
pub use vocabulary::{Vocabulary, token_type};
pub use writer::{GgufWriter, TensorInfo};
