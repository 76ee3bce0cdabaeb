//! Options that the decoder would have to ignore, and sizes that fit nothing: each is named.

use std::path::Path;

use serde_json::Value;

use super::family::Family;
use super::json::Fields;
use super::model_config::ModelConfig;
use super::rope::Rope;
use crate::error::ModelError;

/// An option that only some families compute.
struct Choice {
    name: &'static str,
    /// What is set, if it asks for anything.
    set: Option<String>,
    families: &'static [Family],
}

impl Fields {
    /// Names the first option that this family would not compute.
    ///
    /// `pretraining_tp` is not among them: it splits matrix products and changes no result. Nor are
    /// dropouts, which nothing here applies: alignment trains without them, as `disable_dropout` of TRL's
    /// `DPOConfig` does.
    pub(super) fn refuse_unsupported(&self, path: &Path, family: Family) -> Result<(), ModelError> {
        let foreign = |option: &Choice| option.set.is_some() && !option.families.contains(&family);
        match self.options().into_iter().find(foreign) {
            Some(Choice { name, set, .. }) => Err(ModelError::unsupported(path, name, &set.unwrap_or_default())),
            None => Ok(()),
        }
    }

    /// The options with the families that compute them, where transformers computes them too.
    fn options(&self) -> Vec<Choice> {
        use Family::{Gemma2, Gemma3, Llama, Mistral, Phi3, Qwen2, Qwen3, SmolLm3};
        let option = |name, set, families| Choice { name, set, families };
        vec![
            option("attention_bias", on(self.attention_bias), &[Llama, Qwen3, Gemma2, Gemma3, SmolLm3]),
            option("mlp_bias", on(self.mlp_bias), &[Llama, SmolLm3]),
            option("query_pre_attn_scalar", text(self.query_pre_attn_scalar), &[Gemma2, Gemma3]),
            option("attn_logit_softcapping", text(self.attn_logit_softcapping), &[Gemma2]),
            option("final_logit_softcapping", text(self.final_logit_softcapping), &[Gemma2, Gemma3]),
            option(
                "sliding_window",
                text(self.sliding_window),
                &[Mistral, Qwen2, Qwen3, Phi3, Gemma2, Gemma3, SmolLm3],
            ),
            option("use_sliding_window", on(self.use_sliding_window), &[Qwen2, Qwen3, SmolLm3]),
            option("partial_rotary_factor", text(self.partial_rotary_factor.filter(|&part| part != 1.0)), &[Phi3]),
            option("rope_local_base_freq", text(self.rope_local_base_freq), &[Gemma3]),
            option("no_rope_layers", self.no_rope_layers.as_ref().map(|list| format!("{list:?}")), &[SmolLm3]),
            option("no_rope_layer_interval", text(self.no_rope_layer_interval), &[SmolLm3]),
            option("sliding_window_pattern", text(self.sliding_window_pattern), &[Gemma3]),
            option("scale_attn_weights", self.scale_attn_weights.filter(|on| !on).map(|_| "false".into()), &[]),
            option("scale_attn_by_inverse_layer_idx", on(self.scale_attn_by_inverse_layer_idx), &[]),
            option("use_bidirectional_attention", value(self.use_bidirectional_attention.as_ref()), &[]),
            option("add_cross_attention", on(self.add_cross_attention), &[]),
            option("is_encoder_decoder", on(self.is_encoder_decoder), &[]),
            option("original_max_position_embeddings", text(self.original_max_position_embeddings), &[Phi3]),
            option("rope_interleaved", on(self.rope_interleaved), &[]),
            option("quantization_config", value(self.quantization_config.as_ref()), &[]),
        ]
    }
}

fn on(switch: Option<bool>) -> Option<String> {
    switch.filter(|&on| on).map(|_| "true".to_owned())
}

fn text(value: Option<impl ToString>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn value(value: Option<&Value>) -> Option<String> {
    value.filter(|value| !matches!(value, Value::Null | Value::Bool(false))).map(Value::to_string)
}

impl ModelConfig {
    pub(super) fn refuse_impossible(&self, path: &Path) -> Result<(), ModelError> {
        let refuse = |field: &str, value: String| Err(ModelError::unsupported(path, field, &value));
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.layers.len()),
            ("num_attention_heads", self.heads),
            ("num_key_value_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        if let Some((field, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return refuse(field, "0".to_owned());
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return refuse("num_key_value_heads", format!("{}, no divisor of {} heads", self.kv_heads, self.heads));
        }
        if self.heads.checked_mul(self.head_dim).and_then(|width| width.checked_mul(3)).is_none() {
            return refuse("head_dim", format!("{}, too wide for {} heads", self.head_dim, self.heads));
        }
        if let Some(rope) = self.ropes().iter().find(|rope| !rope.dim.is_multiple_of(2)) {
            return refuse("head_dim", format!("{}, an odd number", rope.dim));
        }
        if self.layers.iter().any(|layer| layer.window == Some(0)) {
            return refuse("sliding_window", "0".to_owned());
        }
        self.refuse_impossible_numbers(path)
    }

    fn refuse_impossible_numbers(&self, path: &Path) -> Result<(), ModelError> {
        let thetas = self.ropes().iter().map(|rope: &Rope| ("rope_theta", Some(rope.theta)));
        let others = [
            (if self.family == Family::Gpt2 { "layer_norm_epsilon" } else { "rms_norm_eps" }, Some(self.norm.epsilon)),
            ("attn_logit_softcapping", self.attention.score_cap),
            ("final_logit_softcapping", self.logit_cap),
        ];
        for (field, value) in thetas.chain(others) {
            if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
                return Err(ModelError::unsupported(path, field, &value.to_string()));
            }
        }
        Ok(())
    }
}
