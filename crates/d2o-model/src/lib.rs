//! What does the model think of these tokens?
//!
//! A Llama-family decoder on Burn: hidden states apart from the head, log-probabilities of chosen
//! tokens only, a preallocated key-value cache, packed layouts that compute a prompt once, training
//! of the last layers or of low-rank adapters. Reads Hugging Face directories and GGUF files, and
//! writes directories that other tools load.

mod build;
mod cache;
mod config;
mod decoder;
mod error;
pub mod gguf;
mod layer;
mod linear;
mod load;
mod names;
mod placement;
mod rotary;
mod safetensors_dir;
mod save;
mod trainable;

pub use cache::KvCache;
pub use config::ModelConfig;
pub use decoder::CausalLm;
pub use error::ModelError;
pub use load::{LoadedModel, load};
pub use placement::Placement;
pub use save::{Dtype, save_hf, save_peft};
pub use trainable::Trainable;
