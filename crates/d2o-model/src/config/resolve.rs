//! From the fields of a file to an architecture: what each family's class in transformers does with them.

use std::path::Path;

use serde_json::Value;

use super::family::Family;
use super::json::{Fields, token_ids};
use super::model_config::ModelConfig;
use super::parts::{
    Activation, AttentionBias, AttentionInputs, AttentionSpec, FeedForwardInputs, FeedForwardSpec, NormKind, NormSpec,
    Positions,
};
use super::rope::Rope;
use crate::error::ModelError;

/// Mistral's window, where its file does not mention one.
const MISTRAL_WINDOW: usize = 4096;

impl Fields {
    pub(super) fn resolve(self, path: &Path, family: Family, raw: Value) -> Result<ModelConfig, ModelError> {
        let head_dim = self.head_dim(path, family)?;
        let ropes = self.ropes(path, family, head_dim)?;
        let window = self.window(family, raw.get("sliding_window").is_some());
        let limit = ropes.iter().filter_map(Rope::limit).min().unwrap_or(usize::MAX);
        let tied = matches!(family, Family::Gemma2 | Family::Gemma3 | Family::SmolLm3 | Family::Gpt2);
        let gemma = matches!(family, Family::Gemma2 | Family::Gemma3);
        Ok(ModelConfig {
            family,
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size(path, family)?,
            layers: self.layer_specs(path, family, window)?,
            heads: self.num_attention_heads,
            kv_heads: self.kv_heads(path, family)?,
            head_dim,
            attention: self.attention(path, family, head_dim)?,
            feed_forward: self.feed_forward(path, family)?,
            norm: self.norm(path, family)?,
            positions: if family == Family::Gpt2 { Positions::Learned } else { Positions::Rotary(ropes) },
            embedding_scale: gemma.then(|| (self.hidden_size as f64).sqrt()),
            logit_cap: self.final_logit_softcapping,
            tie_word_embeddings: self.tie_word_embeddings.unwrap_or(tied),
            max_position_embeddings: self.max_position_embeddings.min(limit),
            initializer_range: self.initializer_range.unwrap_or(0.02),
            bos: token_ids(path, "bos_token_id", self.bos_token_id.as_ref())?.first().copied(),
            eos: token_ids(path, "eos_token_id", self.eos_token_id.as_ref())?,
            raw,
        })
    }

    fn intermediate_size(&self, path: &Path, family: Family) -> Result<usize, ModelError> {
        let by_rule = (family == Family::Gpt2).then(|| self.hidden_size.saturating_mul(4));
        self.intermediate_size.or(by_rule).ok_or_else(|| absent(path, "intermediate_size"))
    }

    fn kv_heads(&self, path: &Path, family: Family) -> Result<usize, ModelError> {
        let as_heads = matches!(family, Family::Llama | Family::Phi3 | Family::Gpt2);
        let by_rule = as_heads.then_some(self.num_attention_heads);
        self.num_key_value_heads.or(by_rule).ok_or_else(|| absent(path, "num_key_value_heads"))
    }

    fn head_dim(&self, path: &Path, family: Family) -> Result<usize, ModelError> {
        let own = matches!(family, Family::Qwen3 | Family::Gemma2 | Family::Gemma3);
        let shared = (!own).then(|| self.hidden_size / self.num_attention_heads.max(1));
        self.head_dim.or(shared).ok_or_else(|| absent(path, "head_dim"))
    }

    /// The width of the layers that slide, if any may.
    fn window(&self, family: Family, mentioned: bool) -> Option<usize> {
        match family {
            Family::Mistral if !mentioned => Some(MISTRAL_WINDOW),
            Family::Qwen2 | Family::Qwen3 | Family::SmolLm3 => {
                self.sliding_window.filter(|_| self.use_sliding_window == Some(true))
            }
            _ => self.sliding_window,
        }
    }

    fn attention(&self, path: &Path, family: Family, head_dim: usize) -> Result<AttentionSpec, ModelError> {
        let fused = matches!(family, Family::Phi3 | Family::Gpt2);
        let scale = match family {
            Family::Gemma2 | Family::Gemma3 => {
                let scalar = self.query_pre_attn_scalar.ok_or_else(|| absent(path, "query_pre_attn_scalar"))?;
                if !(scalar.is_finite() && scalar > 0.0) {
                    return Err(ModelError::unsupported(path, "query_pre_attn_scalar", &scalar.to_string()));
                }
                scalar
            }
            _ => head_dim as f64,
        };
        Ok(AttentionSpec {
            inputs: if fused { AttentionInputs::Fused } else { AttentionInputs::Separate },
            bias: match family {
                Family::Qwen2 => AttentionBias::Inputs,
                Family::Gpt2 => AttentionBias::All,
                _ if self.attention_bias == Some(true) => AttentionBias::All,
                _ => AttentionBias::None,
            },
            head_norms: matches!(family, Family::Qwen3 | Family::Gemma3),
            scale: scale.powf(-0.5),
            score_cap: self.attn_logit_softcapping,
        })
    }

    fn feed_forward(&self, path: &Path, family: Family) -> Result<FeedForwardSpec, ModelError> {
        let inputs = match family {
            Family::Phi3 => FeedForwardInputs::GateUpFused,
            Family::Gpt2 => FeedForwardInputs::Up,
            _ => FeedForwardInputs::GateAndUp,
        };
        let bias = family == Family::Gpt2 || self.mlp_bias == Some(true);
        Ok(FeedForwardSpec { inputs, activation: self.activation(path, family)?, bias })
    }

    fn activation(&self, path: &Path, family: Family) -> Result<Activation, ModelError> {
        let (field, named, by_rule) = match family {
            Family::Gemma2 | Family::Gemma3 => ("hidden_activation", &self.hidden_activation, "gelu_pytorch_tanh"),
            Family::Gpt2 => ("activation_function", &self.activation_function, "gelu_new"),
            _ => ("hidden_act", &self.hidden_act, "silu"),
        };
        match named.as_deref().unwrap_or(by_rule) {
            "silu" | "swish" => Ok(Activation::Silu),
            "gelu_pytorch_tanh" | "gelu_new" => Ok(Activation::GeluTanh),
            other => Err(ModelError::unsupported(path, field, other)),
        }
    }

    fn norm(&self, path: &Path, family: Family) -> Result<NormSpec, ModelError> {
        let (kind, field, epsilon) = match family {
            Family::Gemma2 | Family::Gemma3 => (NormKind::RmsPlusOne, "rms_norm_eps", self.rms_norm_eps),
            Family::Gpt2 => (NormKind::Layer, "layer_norm_epsilon", self.layer_norm_epsilon),
            _ => (NormKind::Rms, "rms_norm_eps", self.rms_norm_eps),
        };
        let epsilon = epsilon.ok_or_else(|| absent(path, field))?;
        Ok(NormSpec { kind, epsilon, post_norms: kind == NormKind::RmsPlusOne })
    }
}

fn absent(path: &Path, field: &str) -> ModelError {
    ModelError::unsupported(path, field, "absent")
}
