//! The fields of `config.json`, before anything is made of them.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::ModelError;

/// The fields that decide what is computed. GPT-2's names of the sizes are read beside the usual ones.
#[derive(Deserialize)]
pub(super) struct Fields {
    pub(super) vocab_size: usize,
    #[serde(alias = "n_embd")]
    pub(super) hidden_size: usize,
    #[serde(alias = "n_inner")]
    pub(super) intermediate_size: Option<usize>,
    #[serde(alias = "n_layer")]
    pub(super) num_hidden_layers: usize,
    #[serde(alias = "n_head")]
    pub(super) num_attention_heads: usize,
    pub(super) num_key_value_heads: Option<usize>,
    pub(super) head_dim: Option<usize>,
    #[serde(alias = "n_positions")]
    pub(super) max_position_embeddings: usize,
    pub(super) tie_word_embeddings: Option<bool>,
    pub(super) initializer_range: Option<f64>,

    pub(super) hidden_act: Option<String>,
    pub(super) hidden_activation: Option<String>,
    pub(super) activation_function: Option<String>,
    pub(super) mlp_bias: Option<bool>,

    pub(super) rms_norm_eps: Option<f64>,
    pub(super) layer_norm_epsilon: Option<f64>,

    pub(super) attention_bias: Option<bool>,
    pub(super) query_pre_attn_scalar: Option<f64>,
    pub(super) attn_logit_softcapping: Option<f64>,
    pub(super) final_logit_softcapping: Option<f64>,
    pub(super) scale_attn_weights: Option<bool>,
    pub(super) scale_attn_by_inverse_layer_idx: Option<bool>,
    pub(super) use_bidirectional_attention: Option<Value>,
    pub(super) add_cross_attention: Option<bool>,
    pub(super) is_encoder_decoder: Option<bool>,

    pub(super) sliding_window: Option<usize>,
    pub(super) use_sliding_window: Option<bool>,
    pub(super) max_window_layers: Option<usize>,
    pub(super) sliding_window_pattern: Option<usize>,
    pub(super) layer_types: Option<Vec<String>>,

    pub(super) rope_theta: Option<f64>,
    pub(super) rope_local_base_freq: Option<f64>,
    pub(super) rope_parameters: Option<Value>,
    pub(super) rope_scaling: Option<Value>,
    pub(super) rope_interleaved: Option<bool>,
    pub(super) partial_rotary_factor: Option<f64>,
    pub(super) original_max_position_embeddings: Option<usize>,
    pub(super) no_rope_layers: Option<Vec<usize>>,
    pub(super) no_rope_layer_interval: Option<usize>,

    pub(super) quantization_config: Option<Value>,
    pub(super) bos_token_id: Option<Value>,
    pub(super) eos_token_id: Option<Value>,
}

/// One id or a list of them, each once; none where the field is absent or null.
///
/// # Errors
/// [`ModelError::Unsupported`] for what is no id.
pub(super) fn token_ids(path: &Path, field: &str, value: Option<&Value>) -> Result<Vec<u32>, ModelError> {
    let listed = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(ids)) => ids.as_slice(),
        Some(id) => std::slice::from_ref(id),
    };
    let mut ids = Vec::with_capacity(listed.len());
    for value in listed {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        let id = id.ok_or_else(|| ModelError::unsupported(path, field, &format!("{value}, no token's id")))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
