//! Architecture, as `config.json` describes it.

mod json;

use std::path::Path;

use serde_json::Value;

use crate::error::ModelError;
use json::Fields;

/// Architecture of a Llama-family decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Inside the root of RMSNorm.
    pub rms_norm_eps: f64,
    /// Whether the head is the embedding's transpose.
    pub tie_word_embeddings: bool,
    /// Context length the model was built for, tokens.
    pub max_position_embeddings: usize,
    /// Standard deviation of random weights; see [`CausalLm::init`](crate::CausalLm::init).
    pub initializer_range: f64,
    bos: Option<u32>,
    eos: Vec<u32>,
    raw: Value,
}

impl ModelConfig {
    /// Reads `config.json` of a Hugging Face directory.
    ///
    /// # Errors
    /// [`ModelError::Io`] for a file that cannot be read, [`ModelError::Config`] for a missing field
    /// or one of a wrong type, [`ModelError::Unsupported`] for an architecture or option that is not
    /// computed here.
    pub fn from_file(path: &Path) -> Result<Self, ModelError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ModelError::Io { path: path.to_path_buf(), source })?;
        Self::from_text(path, &text)
    }

    /// The same from a parsed value; `path` is named in errors.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file); lines count in the value's pretty-printed form.
    pub fn from_json(path: &Path, value: Value) -> Result<Self, ModelError> {
        Self::from_text(path, &format!("{value:#}"))
    }

    fn from_text(path: &Path, text: &str) -> Result<Self, ModelError> {
        let wrong = |error: serde_json::Error| ModelError::json(path, &error);
        let raw: Value = serde_json::from_str(text).map_err(wrong)?;
        let fields: Fields = serde_json::from_str(text).map_err(wrong)?;
        fields.refuse_unsupported(path)?;
        let config = fields.resolve(raw);
        config.refuse_impossible(path)?;
        Ok(config)
    }

    /// Beginning-of-sequence token id, if the configuration names one.
    pub fn bos_token_id(&self) -> Option<u32> {
        self.bos
    }

    /// End-of-sequence token ids that the configuration names.
    pub fn eos_token_ids(&self) -> &[u32] {
        &self.eos
    }

    /// The configuration as it was read, for export.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    fn refuse_impossible(&self, path: &Path) -> Result<(), ModelError> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("num_key_value_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        if let Some((field, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(ModelError::unsupported(path, field, "0"));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let value = format!("{}, no divisor of {} heads", self.kv_heads, self.heads);
            return Err(ModelError::unsupported(path, "num_key_value_heads", &value));
        }
        if self.heads.checked_mul(self.head_dim).is_none() {
            let value = format!("{}, too wide for {} heads", self.head_dim, self.heads);
            return Err(ModelError::unsupported(path, "head_dim", &value));
        }
        if !self.head_dim.is_multiple_of(2) {
            let value = format!("{}, an odd number", self.head_dim);
            return Err(ModelError::unsupported(path, "head_dim", &value));
        }
        let positive = [("rope_theta", self.rope_theta), ("rms_norm_eps", self.rms_norm_eps)];
        match positive.iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            Some((field, value)) => Err(ModelError::unsupported(path, field, &value.to_string())),
            None => Ok(()),
        }
    }
}
