//! The fields of `config.json`, before anything is made of them.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::ModelConfig;
use crate::error::ModelError;

/// The fields that decide what is computed.
#[derive(Deserialize)]
pub(super) struct Fields {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    rope_theta: Option<f64>,
    rope_parameters: Option<Value>,
    rope_scaling: Option<Value>,
    rope_interleaved: Option<bool>,
    rms_norm_eps: f64,
    tie_word_embeddings: Option<bool>,
    max_position_embeddings: usize,
    initializer_range: Option<f64>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    partial_rotary_factor: Option<f64>,
    sliding_window: Option<Value>,
    layer_types: Option<Vec<String>>,
    quantization_config: Option<Value>,
    bos_token_id: Option<Value>,
    eos_token_id: Option<Value>,
}

impl Fields {
    /// Names the first option that the decoder would have to ignore.
    pub(super) fn refuse_unsupported(&self, path: &Path) -> Result<(), ModelError> {
        let refuse = |option: &str, value: &str| Err(ModelError::unsupported(path, option, value));
        if let Some((option, name)) = self.foreign_architecture() {
            return refuse(option, name);
        }
        if let Some(act) = self.hidden_act.as_deref().filter(|&act| act != "silu") {
            return refuse("hidden_act", act);
        }
        let switches = [
            ("attention_bias", self.attention_bias),
            ("mlp_bias", self.mlp_bias),
            ("rope_interleaved", self.rope_interleaved),
        ];
        if let Some((option, _)) = switches.iter().find(|(_, on)| *on == Some(true)) {
            return refuse(option, "true");
        }
        let objects = [("sliding_window", &self.sliding_window), ("quantization_config", &self.quantization_config)];
        for (option, value) in objects {
            if let Some(value) = value.as_ref().filter(|value| !value.is_null()) {
                return refuse(option, &value.to_string());
            }
        }
        let mut kinds = self.layer_types.iter().flatten();
        if let Some(kind) = kinds.find(|&kind| kind != "full_attention") {
            return refuse("layer_types", kind);
        }
        match self.foreign_rotation() {
            Some((option, value)) => refuse(option, &value),
            None => Ok(()),
        }
    }

    fn foreign_architecture(&self) -> Option<(&'static str, &str)> {
        let named = self.architectures.as_ref().and_then(|list| list.first());
        match (named, &self.model_type) {
            (Some(name), _) if name == "LlamaForCausalLM" => None,
            (Some(name), _) => Some(("architectures", name)),
            (None, Some(kind)) if kind == "llama" => None,
            (None, Some(kind)) => Some(("model_type", kind)),
            (None, None) => Some(("architectures", "absent")),
        }
    }

    fn foreign_rotation(&self) -> Option<(&'static str, String)> {
        let places = [("rope_scaling", &self.rope_scaling), ("rope_parameters", &self.rope_parameters)];
        for (option, value) in places {
            let Some(value) = value else { continue };
            let kind = value.get("rope_type").or_else(|| value.get("type"));
            let kind = kind.and_then(Value::as_str).unwrap_or("default");
            if kind != "default" {
                return Some((option, kind.to_owned()));
            }
        }
        let nested = self.in_rope_parameters("partial_rotary_factor");
        let factor = self.partial_rotary_factor.or(nested).filter(|&factor| factor != 1.0);
        factor.map(|factor| ("partial_rotary_factor", factor.to_string()))
    }

    fn in_rope_parameters(&self, key: &str) -> Option<f64> {
        self.rope_parameters.as_ref()?.get(key)?.as_f64()
    }

    /// Fills in what Hugging Face derives: as many key heads as heads, and widths that share the hidden size.
    pub(super) fn resolve(self, raw: Value) -> ModelConfig {
        // Newer transformers write `rope_theta` inside `rope_parameters`.
        let rope_theta = self.rope_theta.or_else(|| self.in_rope_parameters("rope_theta"));
        let shared = self.hidden_size / self.num_attention_heads.max(1);
        ModelConfig {
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            kv_heads: self.num_key_value_heads.unwrap_or(self.num_attention_heads),
            head_dim: self.head_dim.unwrap_or(shared),
            rope_theta: rope_theta.unwrap_or(10_000.0),
            rms_norm_eps: self.rms_norm_eps,
            tie_word_embeddings: self.tie_word_embeddings.unwrap_or(false),
            max_position_embeddings: self.max_position_embeddings,
            initializer_range: self.initializer_range.unwrap_or(0.02),
            bos: token_ids(self.bos_token_id.as_ref()).first().copied(),
            eos: token_ids(self.eos_token_id.as_ref()),
            raw,
        }
    }
}

/// One id or a list of them.
fn token_ids(value: Option<&Value>) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Some(Value::Array(ids)) => ids.iter().filter_map(id).collect(),
        Some(value) => id(value).into_iter().collect(),
        None => Vec::new(),
    }
}
