//! What does the model think of these tokens?
//!
//! Causal decoders on Burn (Llama, Mistral, Qwen, Phi-3, Gemma, SmolLM, GPT-2: one decoder whose
//! differences are data in [`ModelConfig`]): hidden states apart from the head, log-probabilities of chosen
//! tokens only, a preallocated key-value cache, packed layouts that compute a prompt once, training
//! of the last layers or of low-rank adapters. Reads Hugging Face directories and GGUF files, and
//! writes directories that other tools load.
//!
//! The crate knows no tokenizer, no optimizer and no backend: the device that it is given decides
//! where it computes, and whether gradients are kept.
//!
//! ```
//! use std::path::Path;
//!
//! use burn::tensor::{Device, Int, Tensor};
//! use d2o_model::{CausalLm, ModelConfig, Placement, Trainable};
//!
//! let device = Device::flex();
//! let config = ModelConfig::from_json(Path::new("config.json"), serde_json::json!({
//!     "architectures": ["LlamaForCausalLM"], "vocab_size": 64, "hidden_size": 32,
//!     "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
//!     "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "max_position_embeddings": 128,
//!     "tie_word_embeddings": true,
//! }))?;
//! // Random weights; `load` reads real ones.
//! let model = CausalLm::init(&config, 1, &device);
//!
//! // A prompt of three tokens and two answers, in one row: the prompt is computed once.
//! let ids = Tensor::<2, Int>::from_data([[5, 6, 7, 10, 11, 20]], &device);
//! let at = Placement::packed(3, &[2, 1], &device);
//! let hidden = model.hidden(ids.clone(), &at).squeeze_dim::<2>(0);
//!
//! // The last prompt token predicts the first token of each answer.
//! let predictors = Tensor::<1, Int>::from_data([2, 3, 2], &device);
//! let targets = Tensor::<1, Int>::from_data([10, 11, 20], &device);
//! let scores = model.log_probs(hidden.select(0, predictors), targets, 512);
//! // Small random weights know nothing: each token costs about ln 64 = 4.16 nats.
//! let sum: f32 = scores.sum().into_scalar();
//! assert!((sum + 3.0 * 64f32.ln()).abs() < 0.5);
//!
//! // Train the last layer: below it nothing builds a graph.
//! let policy = model.train_on(&Trainable::LastLayers { layers: 1 }, 0, &device.autodiff())?;
//! assert_eq!(policy.first_trainable_layer(), 1);
//! let gradients = policy.hidden(ids, &at).sum().backward();
//! # let _ = gradients;
//! # Ok::<(), d2o_model::ModelError>(())
//! ```

mod activation;
mod adapter;
mod attention;
mod build;
mod cache;
mod cached;
mod config;
mod decoder;
mod error;
mod feed_forward;
pub mod gguf;
mod head;
mod layer;
mod layout;
mod linear;
mod load;
mod lora;
mod names;
mod norm;
mod numbers;
mod placement;
mod prompt;
mod random;
pub mod responses;
mod rotary;
mod safetensors_dir;
mod sampling;
mod save;
mod trainable;
mod trained;

pub use adapter::{LoadedAdapter, is_adapter, load_adapter};
pub use cache::KvCache;
pub use config::{
    Activation, AttentionBias, AttentionInputs, AttentionSpec, Family, FeedForwardInputs, FeedForwardSpec, LayerSpec,
    ModelConfig, NormKind, NormSpec, Positions, Rope, RopeScaling,
};
/// The cache of [`CausalLm::forward_ragged`], and the new tokens of one of its rows.
pub use d2o_kernels::{Fresh, RaggedCache};
pub use decoder::CausalLm;
pub use error::ModelError;
pub use load::{LoadedModel, load};
pub use placement::{PackedGroup, Placement};
pub use prompt::KeysValues;
pub use safetensors_dir::weight_files;
pub use save::{Dtype, save_hf, save_peft};
pub use trainable::Trainable;

/// The README's example, compiled with the crate's tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
