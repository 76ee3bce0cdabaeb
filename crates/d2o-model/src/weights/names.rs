//! Hugging Face's names of the weights, and where each one lives here.

use burn::module::ParamId;

use crate::config::{AttentionBias, AttentionInputs, Family, FeedForwardInputs, ModelConfig, NormKind, Positions};
use crate::decoder::CausalLm;
use crate::decoder::linear::Linear;

/// Name of the embedding, in all families but GPT-2.
pub(crate) const EMBEDDING: &str = "model.embed_tokens.weight";
/// Name of the final normalisation, in all families but GPT-2.
pub(crate) const FINAL_NORM: &str = "model.norm.weight";
/// Name of an untied head.
pub(crate) const HEAD: &str = "lm_head.weight";

/// The two factors of an adapter.
pub(crate) const FACTORS: [&str; 2] = ["lora_A", "lora_B"];

/// Names of what is there once.
pub(crate) struct Names {
    /// What stands before all names but the head's, and is left out in files of the model without its head.
    pub(crate) base: &'static str,
    pub(crate) embedding: &'static str,
    /// Learned positions.
    pub(crate) positions: &'static str,
    layers: &'static str,
    /// The module of the final normalisation.
    pub(crate) final_norm: &'static str,
}

const COMMON: Names = Names {
    base: "model.",
    embedding: EMBEDDING,
    positions: "model.embed_positions.weight",
    layers: "model.layers",
    final_norm: "model.norm",
};

const GPT2: Names = Names {
    base: "transformer.",
    embedding: "transformer.wte.weight",
    positions: "transformer.wpe.weight",
    layers: "transformer.h",
    final_norm: "transformer.ln_f",
};

impl Names {
    pub(crate) fn of(family: Family) -> &'static Self {
        match family {
            Family::Gpt2 => &GPT2,
            _ => &COMMON,
        }
    }

    /// Why the architecture has no place for a tensor, as far as its name tells.
    pub(crate) fn why_unexpected(&self, name: &str, config: &ModelConfig) -> Option<String> {
        let (number, rest) = name.strip_prefix(self.layers)?.strip_prefix('.')?.split_once('.')?;
        let (count, layer) = (config.layers.len(), number.parse::<usize>().ok()?);
        if layer >= count {
            return Some(format!("`num_hidden_layers` is {count}"));
        }
        let module = rest.strip_suffix(".bias")?;
        let map = linears(config).into_iter().find(|map| map.module == module)?;
        let field = if map.module.starts_with("mlp") { "mlp_bias" } else { "attention_bias" };
        Some(format!("this map has no bias, `{field}` is not true"))
    }

    /// Name of a layer's module or tensor.
    pub(crate) fn in_layer(&self, layer: usize, rest: &str) -> String {
        format!("{}.{layer}.{rest}", self.layers)
    }
}

/// Whether a tensor is the causal mask that older GPT-2 files carry.
pub(crate) fn is_mask(name: &str) -> bool {
    name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")
}

/// Whether a tensor is the rotary angles that older files carry.
pub(crate) fn is_angles(name: &str) -> bool {
    name.ends_with("rotary_emb.inv_freq")
}

/// `q_proj` of `self_attn.q_proj`.
pub(crate) fn last_part(module: &'static str) -> &'static str {
    module.rsplit('.').next().unwrap_or(module)
}

/// A linear layer's place and size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinearSpec {
    /// Hugging Face's name of the module, inside the layer.
    pub(crate) module: &'static str,
    pub(crate) out: usize,
    pub(crate) input: usize,
    pub(crate) bias: bool,
}

/// The linear layers of a decoder layer, in the order of [`Layer::linears`](crate::decoder::layer::Layer::linears).
pub(crate) fn linears(config: &ModelConfig) -> Vec<LinearSpec> {
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let name = |common, gpt2| if config.family == Family::Gpt2 { gpt2 } else { common };
    let map = |module, out, input, bias| LinearSpec { module, out, input, bias };
    let bias = config.attention.bias != AttentionBias::None;
    let mut maps = match config.attention.inputs {
        AttentionInputs::Separate => vec![
            map("self_attn.q_proj", queries, width, bias),
            map("self_attn.k_proj", keys, width, bias),
            map("self_attn.v_proj", keys, width, bias),
        ],
        AttentionInputs::Fused => {
            vec![map(name("self_attn.qkv_proj", "attn.c_attn"), queries + 2 * keys, width, bias)]
        }
    };
    let bias = config.attention.bias == AttentionBias::All;
    maps.push(map(name("self_attn.o_proj", "attn.c_proj"), width, queries, bias));
    let bias = config.feed_forward.bias;
    match config.feed_forward.inputs {
        FeedForwardInputs::GateAndUp => {
            maps.extend([map("mlp.gate_proj", inner, width, bias), map("mlp.up_proj", inner, width, bias)]);
        }
        FeedForwardInputs::GateUpFused => maps.push(map("mlp.gate_up_proj", 2 * inner, width, bias)),
        FeedForwardInputs::Up => maps.push(map(name("mlp.up_proj", "mlp.c_fc"), inner, width, bias)),
    }
    maps.push(map(name("mlp.down_proj", "mlp.c_proj"), width, inner, bias));
    maps
}

/// Name and width of a layer's normalisations, in the order of [`Layer::norms`](crate::decoder::layer::Layer::norms).
pub(crate) fn norms(config: &ModelConfig) -> Vec<(&'static str, usize)> {
    let (width, head) = (config.hidden_size, config.head_dim);
    let mut norms = match (config.family, config.norm.post_norms) {
        (Family::Gpt2, _) => vec![("ln_1", width), ("ln_2", width)],
        (_, false) => vec![("input_layernorm", width), ("post_attention_layernorm", width)],
        (_, true) => vec![
            ("input_layernorm", width),
            ("pre_feedforward_layernorm", width),
            ("post_attention_layernorm", width),
            ("post_feedforward_layernorm", width),
        ],
    };
    if config.attention.head_norms {
        norms.extend([("self_attn.q_norm", head), ("self_attn.k_norm", head)]);
    }
    norms
}

/// What a tensor is made of before any training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Init {
    Normal,
    Zero,
    One,
}

/// A tensor as the file has it.
#[derive(Clone, Debug)]
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) init: Init,
}

/// Every tensor of the architecture in Hugging Face's layout.
pub(crate) fn tensors(config: &ModelConfig) -> Vec<TensorSpec> {
    let names = Names::of(config.family);
    let spec = |name: String, shape: &[usize], init| TensorSpec { name, shape: shape.to_vec(), init };
    let norm_init = if config.norm.kind == NormKind::RmsPlusOne { Init::Zero } else { Init::One };
    let norm = |module: String, width: usize| {
        let bias = (config.norm.kind == NormKind::Layer).then(|| spec(format!("{module}.bias"), &[width], Init::Zero));
        [spec(format!("{module}.weight"), &[width], norm_init)].into_iter().chain(bias)
    };
    let embedding = [config.vocab_size, config.hidden_size];
    let mut all = vec![spec(names.embedding.to_owned(), &embedding, Init::Normal)];
    if config.positions == Positions::Learned {
        let shape = [config.max_position_embeddings, config.hidden_size];
        all.push(spec(names.positions.to_owned(), &shape, Init::Normal));
    }
    for layer in 0..config.layers.len() {
        for map in linears(config) {
            let module = names.in_layer(layer, map.module);
            all.push(spec(format!("{module}.weight"), &file_shape(config, &map), Init::Normal));
            all.extend(map.bias.then(|| spec(format!("{module}.bias"), &[map.out], Init::Zero)));
        }
        for (module, width) in norms(config) {
            all.extend(norm(names.in_layer(layer, module), width));
        }
    }
    all.extend(norm(names.final_norm.to_owned(), config.hidden_size));
    all.extend((!config.tie_word_embeddings).then(|| spec(HEAD.to_owned(), &embedding, Init::Normal)));
    all
}

/// Shape of a map's weight in the file.
fn file_shape(config: &ModelConfig, map: &LinearSpec) -> [usize; 2] {
    if stores_in_by_out(config.family) { [map.input, map.out] } else { [map.out, map.input] }
}

/// Whether files of the family hold the layers' maps as `[in, out]`, as they are here.
pub(crate) fn stores_in_by_out(family: Family) -> bool {
    family == Family::Gpt2
}

impl CausalLm {
    /// The linear maps of all layers, each with its layer and the name of its module there.
    pub(crate) fn linears(&self) -> impl Iterator<Item = (usize, &'static str, &Linear)> {
        let maps = linears(&self.config);
        self.layers.iter().enumerate().flat_map(move |(index, layer)| {
            let modules: Vec<_> = maps.iter().map(|map| map.module).collect();
            modules.into_iter().zip(layer.linears()).map(move |(module, linear)| (index, module, linear))
        })
    }

    /// The same, to be changed.
    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = (usize, &'static str, &mut Linear)> {
        let maps = linears(&self.config);
        self.layers.iter_mut().enumerate().flat_map(move |(index, layer)| {
            let modules: Vec<_> = maps.iter().map(|map| map.module).collect();
            modules.into_iter().zip(layer.linears_mut()).map(move |(module, linear)| (index, module, linear))
        })
    }

    /// Hugging Face's full name of a layer's module.
    pub(crate) fn module_name(&self, layer: usize, module: &str) -> String {
        Names::of(self.config.family).in_layer(layer, module)
    }
}

/// An id that depends on the name alone (FNV-1a), so that optimizer state finds its parameter again
/// after the model was loaded anew.
pub(crate) fn param_id(name: &str) -> ParamId {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ParamId::from(hash)
}
