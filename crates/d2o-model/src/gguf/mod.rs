//! Models in GGUF: the architecture and the names of llama.cpp on one side, those of Hugging Face on the other.
//!
//! The file itself, its values and its quantisation are [`d2o_gguf`]'s.

mod architecture;
mod hf;
mod rope;
mod rows;
mod save;

pub use d2o_gguf::{GgufError, GgufFile, Vocabulary, models_in};
pub use hf::{NamedTensor, config_json, hf_tensors};
pub use save::{GgufDtype, save_gguf};
