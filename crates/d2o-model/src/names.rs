//! Hugging Face's names of the weights, and where each one lives here.

use burn::module::ParamId;

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

/// Name of a layer's module or tensor.
pub(crate) fn in_layer(layer: usize, rest: &str) -> String {
    format!("model.layers.{layer}.{rest}")
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

/// An id that depends on the name alone (FNV-1a), so that optimizer state finds its parameter again
/// after the model was loaded anew.
pub(crate) fn param_id(name: &str) -> ParamId {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    ParamId::from(hash)
}
