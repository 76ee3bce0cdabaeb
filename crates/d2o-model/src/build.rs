//! Building a model from named tensors, strictly: every tensor is used once and has the right shape.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::tensor::{Device, Tensor};

use crate::config::ModelConfig;
use crate::decoder::{CausalLm, tensor, transposed};
use crate::error::ModelError;
use crate::layer::{Layer, RmsNorm};
use crate::linear::Linear;
use crate::names;

/// Named tensors in Hugging Face's layout.
pub(crate) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A model on `device` from all of `weights`.
///
/// # Errors
/// [`ModelError::MissingTensor`], [`ModelError::UnexpectedTensor`] or [`ModelError::Shape`], naming the tensor.
pub(crate) fn build(path: &Path, config: ModelConfig, weights: Weights, device: &Device) -> Result<CausalLm, ModelError> {
    let mut source = Source { path: path.to_path_buf(), weights, device };
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let embedding = source.matrix(names::EMBEDDING, [config.vocab_size, width])?;
    let mut layers = Vec::with_capacity(config.layers);
    for index in 0..config.layers {
        let name = |rest: &str| names::in_layer(index, rest);
        layers.push(Layer {
            attention_norm: source.norm(&name("input_layernorm.weight"), width, &config)?,
            query: source.linear(&name("self_attn.q_proj.weight"), queries, width)?,
            key: source.linear(&name("self_attn.k_proj.weight"), keys, width)?,
            value: source.linear(&name("self_attn.v_proj.weight"), keys, width)?,
            output: source.linear(&name("self_attn.o_proj.weight"), width, queries)?,
            mlp_norm: source.norm(&name("post_attention_layernorm.weight"), width, &config)?,
            gate: source.linear(&name("mlp.gate_proj.weight"), inner, width)?,
            up: source.linear(&name("mlp.up_proj.weight"), inner, width)?,
            down: source.linear(&name("mlp.down_proj.weight"), width, inner)?,
        });
    }
    let norm = source.norm(names::FINAL_NORM, width, &config)?;
    let head = if config.tie_word_embeddings {
        // Some files repeat the tied head; it says nothing new.
        source.weights.remove(names::HEAD);
        None
    } else {
        Some(source.linear(names::HEAD, config.vocab_size, width)?)
    };
    source.finish()?;
    Ok(CausalLm { embedding, layers, norm, head, config })
}

struct Source<'a> {
    path: PathBuf,
    weights: Weights,
    device: &'a Device,
}

impl Source<'_> {
    fn take(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let (shape, values) = self
            .weights
            .remove(name)
            .ok_or_else(|| ModelError::MissingTensor { path: self.path.clone(), name: name.to_owned() })?;
        if shape != expected {
            return Err(ModelError::Shape {
                path: self.path.clone(),
                name: name.to_owned(),
                expected: expected.to_vec(),
                found: shape,
            });
        }
        Ok(values)
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Param<Tensor<2>>, ModelError> {
        let values = self.take(name, &shape)?;
        Ok(Param::initialized(names::param_id(name), tensor(values, shape, self.device)))
    }

    fn linear(&mut self, name: &str, out: usize, width: usize) -> Result<Linear, ModelError> {
        let values = self.take(name, &[out, width])?;
        let weight = tensor(transposed(&values, out, width), [width, out], self.device);
        Ok(Linear::new(Param::initialized(names::param_id(name), weight)))
    }

    fn norm(&mut self, name: &str, width: usize, config: &ModelConfig) -> Result<RmsNorm, ModelError> {
        let values = self.take(name, &[width])?;
        let weight = Param::initialized(names::param_id(name), tensor(values, [width], self.device));
        Ok(RmsNorm { weight, epsilon: config.rms_norm_eps })
    }

    fn finish(self) -> Result<(), ModelError> {
        // Buffers that older exports carry; the rotary angles are computed.
        let extra = self.weights.into_keys().find(|name| !name.ends_with("rotary_emb.inv_freq"));
        match extra {
            Some(name) => Err(ModelError::UnexpectedTensor { path: self.path, name }),
            None => Ok(()),
        }
    }
}
