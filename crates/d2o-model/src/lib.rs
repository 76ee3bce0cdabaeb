#![doc = include_str!("../README.md")]

mod adapter;
mod config;
mod decoder;
mod error;
pub mod gguf;
mod load;
pub mod responses;
mod weights;

pub use adapter::{LoadedAdapter, Trainable, has_adapter, is_adapter, load_adapter, named_base, save_peft};
pub use config::{
    Activation, AttentionBias, AttentionInputs, AttentionSpec, Family, FeedForwardInputs, FeedForwardSpec, LayerSpec,
    ModelConfig, NormKind, NormSpec, Positions, Rope, RopeScaling,
};
/// The cache of [`CausalLm::forward_ragged`], and the new tokens of one of its rows.
pub use d2o_kernels::{Fresh, RaggedCache};
pub use decoder::{CausalLm, KeysValues, KvCache, PackedGroup, Placement, Precision};
pub use error::ModelError;
pub use load::{LoadedModel, load};
pub use weights::{Dtype, save_hf, weight_files};
