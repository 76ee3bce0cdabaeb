//! Hugging Face's names of the weights, and where each one lives here.

use burn::module::ParamId;

use crate::config::ModelConfig;
use crate::layer::Layer;
use crate::linear::Linear;

/// Name of the embedding.
pub(crate) const EMBEDDING: &str = "model.embed_tokens.weight";
/// Name of the final normalisation.
pub(crate) const FINAL_NORM: &str = "model.norm.weight";
/// Name of an untied head.
pub(crate) const HEAD: &str = "lm_head.weight";

/// The linear maps of a layer, by Hugging Face's module names.
pub(crate) const LINEARS: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// The normalisations of a layer.
pub(crate) const NORMS: [&str; 2] = ["input_layernorm", "post_attention_layernorm"];

/// The two factors of an adapter.
pub(crate) const FACTORS: [&str; 2] = ["lora_A", "lora_B"];

/// Name of a layer's module or tensor.
pub(crate) fn in_layer(layer: usize, rest: &str) -> String {
    format!("model.layers.{layer}.{rest}")
}

/// `q_proj` of `self_attn.q_proj`.
pub(crate) fn short(module: &'static str) -> &'static str {
    module.rsplit('.').next().unwrap_or(module)
}

/// The linear maps of a layer, in the order of [`LINEARS`].
pub(crate) fn linears(layer: &Layer) -> [&Linear; 7] {
    [&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down]
}

/// The same, to be changed.
pub(crate) fn linears_mut(layer: &mut Layer) -> [&mut Linear; 7] {
    let Layer { query, key, value, output, gate, up, down, .. } = layer;
    [query, key, value, output, gate, up, down]
}

/// Every tensor of the architecture with its shape in Hugging Face's layout, `[out, in]`.
pub(crate) fn tensors(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    let width = config.hidden_size;
    let mut all = vec![(EMBEDDING.to_owned(), vec![config.vocab_size, width])];
    for layer in 0..config.layers {
        for (module, [out, input]) in LINEARS.iter().zip(linear_shapes(config)) {
            all.push((in_layer(layer, &format!("{module}.weight")), vec![out, input]));
        }
        for module in NORMS {
            all.push((in_layer(layer, &format!("{module}.weight")), vec![width]));
        }
    }
    all.push((FINAL_NORM.to_owned(), vec![width]));
    if !config.tie_word_embeddings {
        all.push((HEAD.to_owned(), vec![config.vocab_size, width]));
    }
    all
}

/// Shapes `[out, in]` of a layer's linear maps, in the order of [`LINEARS`].
pub(crate) fn linear_shapes(config: &ModelConfig) -> [[usize; 2]; 7] {
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    [[queries, width], [keys, width], [keys, width], [width, queries], [inner, width], [inner, width], [width, inner]]
}

/// An id that depends on the name alone (FNV-1a), so that optimizer state finds its parameter again
/// after the model was loaded anew.
pub(crate) fn param_id(name: &str) -> ParamId {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ParamId::from(hash)
}
