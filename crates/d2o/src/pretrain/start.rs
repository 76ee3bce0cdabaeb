//! What pretraining starts from: a model that is there, or random weights and a new tokenizer.

use std::path::Path;

use burn::tensor::Device;
use d2o_generate::{GenerateError, LanguageModel};
use d2o_model::{CausalLm, ModelConfig};
use d2o_text::{ChatTemplate, Encoder, TextTokenizer};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::pretrain::rows::RawRow;

/// The token that ends a turn, and those that begin one.
const SPECIAL: [&str; 4] = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"];

/// How a new model frames conversations.
const TEMPLATE: &str = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}\
{% if add_generation_prompt %}<|assistant|>{% endif %}";

/// Sizes of a new model: a decoder of the Llama family with a tied head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewModel {
    /// Most tokens of the vocabulary.
    pub vocab: usize,
    /// Width of the hidden states; a multiple of `heads`.
    pub width: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Longest sequence, tokens.
    pub context: usize,
}

/// A model with what frames text for it.
pub struct Start {
    /// The weights, untracked.
    pub model: CausalLm,
    /// Tokenizer, template, end token.
    pub encoder: Encoder,
    /// What is odd about the model and was understood nevertheless.
    pub warnings: Vec<String>,
}

impl Start {
    /// Weights, tokenizer and template of a model directory or GGUF file.
    ///
    /// # Errors
    /// As [`LanguageModel::open_with_template`].
    pub fn from_model(path: &Path, device: &Device) -> Result<Self, GenerateError> {
        let base = LanguageModel::open_with_template(path, device)?;
        Ok(Self { model: base.model, encoder: base.encoder, warnings: base.warnings })
    }

    /// Random weights that follow from `seed`, and a tokenizer learned from `rows`.
    ///
    /// # Errors
    /// Sizes that no model can have.
    pub fn random(sizes: NewModel, rows: &[RawRow], seed: u64, device: &Device) -> Result<Self, GenerateError> {
        let texts: Vec<String> = rows.iter().flat_map(RawRow::texts).collect();
        let tokenizer = TextTokenizer::train(texts.iter().map(String::as_str), sizes.vocab, &SPECIAL)?;
        let template = ChatTemplate::new(TEMPLATE, "", SPECIAL[0])?;
        let end = tokenizer.eos().expect("the first special token ends a sequence");
        let config = ModelConfig::from_json(
            Path::new("new model"),
            json!({
                "architectures": ["LlamaForCausalLM"],
                "model_type": "llama",
                "hidden_act": "silu",
                "vocab_size": tokenizer.vocab_size(),
                "hidden_size": sizes.width,
                "intermediate_size": sizes.inner,
                "num_hidden_layers": sizes.layers,
                "num_attention_heads": sizes.heads,
                "num_key_value_heads": sizes.heads,
                "rope_theta": 10000.0,
                "rms_norm_eps": 1e-5,
                "max_position_embeddings": sizes.context,
                "tie_word_embeddings": true,
                "eos_token_id": end,
                "torch_dtype": "float32",
            }),
        )?;
        let model = CausalLm::init(&config, seed, device);
        Ok(Self { model, encoder: Encoder::new(tokenizer, Some(template), end), warnings: Vec::new() })
    }
}
