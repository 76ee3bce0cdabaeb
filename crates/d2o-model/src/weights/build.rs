//! Building a model from named tensors, strictly: every tensor is used once and has the right shape.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use d2o_kernels::WeightForm;

use super::head;
use super::layout::{tensor, transposed};
use super::names::{self, Init, Names, TensorSpec};
use super::random::Random;
use super::wrappers;
use crate::config::{AttentionInputs, Family, FeedForwardInputs, ModelConfig, NormKind, Positions};
use crate::decoder::CausalLm;
use crate::decoder::attention::{self, Attention, Heads, Separate};
use crate::decoder::feed_forward::{self, FeedForward, GateAndUp};
use crate::decoder::layer::Layer;
use crate::decoder::linear::Linear;
use crate::decoder::norm::Norm;
use crate::error::ModelError;

/// Tensors in Hugging Face's layout, by name.
pub(crate) type Weights = BTreeMap<String, HostTensor>;

/// A tensor that no device holds yet.
#[derive(Debug, PartialEq)]
pub(crate) struct HostTensor {
    pub(crate) shape: Vec<usize>,
    /// Row by row.
    pub(crate) values: Vec<f32>,
}

/// A model on `device` from all of `weights`, and a warning where they are not what `config` says of them.
///
/// # Errors
/// [`ModelError::MissingTensor`], [`ModelError::UnexpectedTensor`], [`ModelError::Shape`] or [`ModelError::Tensor`],
/// naming the tensor.
pub(crate) fn build(
    path: &Path,
    config: ModelConfig,
    weights: Weights,
    device: &Device,
) -> Result<(CausalLm, Option<String>), ModelError> {
    let names = Names::of(config.family);
    let mut weights = with_base(names, wrappers::unwrapped(path, names, weights)?);
    let (config, warning) = head::settle(path, names, &mut weights, config);
    let mut source = Source { path: path.to_path_buf(), weights, device, config: &config, names };
    let (vocab, width) = (config.vocab_size, config.hidden_size);
    let embedding = source.matrix(names.embedding, [vocab, width])?;
    let positions = match config.positions {
        Positions::Learned => Some(source.matrix(names.positions, [config.max_position_embeddings, width])?),
        Positions::Rotary(_) => None,
    };
    let layers = (0..config.layers.len()).map(|index| source.layer(index)).collect::<Result<Vec<_>, _>>()?;
    let norm = source.norm(names.final_norm, width)?;
    let head = (!config.tie_word_embeddings).then(|| source.transposed(names::HEAD, [vocab, width])).transpose()?;
    let head = head.map(|head| Linear::new(head, None));
    source.finish()?;
    Ok((CausalLm { embedding, positions, layers, norm, head, tied_form: WeightForm::F32, config }, warning))
}

/// The names of a file of the model without its head, in full.
fn with_base(names: &Names, weights: Weights) -> Weights {
    let bare = names.embedding.strip_prefix(names.base).unwrap_or_default();
    if weights.contains_key(names.embedding) || !weights.contains_key(bare) {
        return weights;
    }
    let full = |name: String| if name == names::HEAD { name } else { format!("{}{name}", names.base) };
    weights.into_iter().map(|(name, tensor)| (full(name), tensor)).collect()
}

impl CausalLm {
    /// A model of random weights: normal with deviation `initializer_range`; norms that change nothing, biases zero.
    ///
    /// A tensor's numbers depend on `seed` and its name alone, so the same seed gives the same model
    /// on every machine and backend.
    pub fn init(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        let random = |TensorSpec { name, shape, init }: TensorSpec| {
            let count = shape.iter().product();
            let values = match init {
                Init::One => vec![1.0; count],
                Init::Zero => vec![0.0; count],
                Init::Normal => Random::of(seed, &name).normals(count, config.initializer_range),
            };
            (name, HostTensor { shape, values })
        };
        let weights = names::tensors(config).into_iter().map(random).collect();
        build(Path::new("random weights"), config.clone(), weights, device)
            .expect("weights made from the configuration fit it")
            .0
    }
}

struct Source<'a> {
    path: PathBuf,
    weights: Weights,
    device: &'a Device,
    config: &'a ModelConfig,
    names: &'static Names,
}

impl Source<'_> {
    fn layer(&mut self, index: usize) -> Result<Layer, ModelError> {
        let mut linears = Vec::new();
        for map in names::linears(self.config) {
            linears.push(self.linear(&self.names.in_layer(index, map.module), [map.out, map.input], map.bias)?);
        }
        let mut norms = Vec::new();
        for (module, width) in names::norms(self.config) {
            norms.push(self.norm(&self.names.in_layer(index, module), width)?);
        }
        Ok(assemble_layer(self.config, linears, norms))
    }

    fn take(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let Some(HostTensor { shape: found, values }) = self.weights.remove(name) else {
            return Err(ModelError::MissingTensor { path: self.path.clone(), name: name.to_owned() });
        };
        if found != expected {
            return Err(ModelError::Shape {
                path: self.path.clone(),
                name: name.to_owned(),
                expected: expected.to_vec(),
                found,
            });
        }
        Ok(values)
    }

    fn vector(&mut self, name: &str, width: usize) -> Result<Param<Tensor<1>>, ModelError> {
        let values = self.take(name, &[width])?;
        Ok(Param::initialized(names::param_id(name), tensor(values, [width], self.device)))
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Param<Tensor<2>>, ModelError> {
        let values = self.take(name, &shape)?;
        Ok(Param::initialized(names::param_id(name), tensor(values, shape, self.device)))
    }

    /// `[out, in]` there is `[in, out]` here.
    fn transposed(&mut self, name: &str, [out, input]: [usize; 2]) -> Result<Param<Tensor<2>>, ModelError> {
        let values = self.take(name, &[out, input])?;
        let weight = tensor(transposed(&values, out, input), [input, out], self.device);
        Ok(Param::initialized(names::param_id(name), weight))
    }

    fn linear(&mut self, module: &str, [out, input]: [usize; 2], bias: bool) -> Result<Linear, ModelError> {
        let name = format!("{module}.weight");
        let weight = match names::stores_in_by_out(self.config.family) {
            true => self.matrix(&name, [input, out])?,
            false => self.transposed(&name, [out, input])?,
        };
        let bias = bias.then(|| self.vector(&format!("{module}.bias"), out)).transpose()?;
        Ok(Linear::new(weight, bias))
    }

    fn norm(&mut self, module: &str, width: usize) -> Result<Norm, ModelError> {
        let spec = self.config.norm;
        let weight = self.vector(&format!("{module}.weight"), width)?;
        let shifts = spec.kind == NormKind::Layer;
        let bias = shifts.then(|| self.vector(&format!("{module}.bias"), width)).transpose()?;
        Ok(Norm { weight, bias, kind: spec.kind, epsilon: spec.epsilon })
    }

    fn finish(self) -> Result<(), ModelError> {
        let (config, names) = (self.config, self.names);
        // Buffers that older exports carry: rotary angles and causal masks are computed.
        let buffer = |name: &String| names::is_mask(name) && config.family == Family::Gpt2 || names::is_angles(name);
        match self.weights.into_keys().find(|name| !buffer(name)) {
            Some(name) => {
                let reason = names.why_unexpected(&name, config);
                Err(ModelError::UnexpectedTensor { path: self.path, name, reason })
            }
            None => Ok(()),
        }
    }
}

/// A layer of its maps and norms, in the orders of [`names::linears`] and [`names::norms`].
fn assemble_layer(config: &ModelConfig, linears: Vec<Linear>, norms: Vec<Norm>) -> Layer {
    let (mut linears, mut norms) = (linears.into_iter(), norms.into_iter());
    let mut linear = || linears.next().expect("one map for each name");
    let mut norm = || norms.next().expect("one norm for each name");
    let inputs = match config.attention.inputs {
        AttentionInputs::Separate => {
            attention::Inputs::Separate(Separate { query: linear(), key: linear(), value: linear() })
        }
        AttentionInputs::Fused => attention::Inputs::Fused(linear()),
    };
    let output = linear();
    let mlp_inputs = match config.feed_forward.inputs {
        FeedForwardInputs::GateAndUp => feed_forward::Inputs::GateAndUp(GateAndUp { gate: linear(), up: linear() }),
        FeedForwardInputs::GateUpFused => feed_forward::Inputs::GateUpFused(linear()),
        FeedForwardInputs::Up => feed_forward::Inputs::Up(linear()),
    };
    let (attention_norm, mlp_norm) = (norm(), norm());
    let [post_attention_norm, post_mlp_norm] = [0, 1].map(|_| config.norm.post_norms.then(&mut norm));
    let [query_norm, key_norm] = [0, 1].map(|_| config.attention.head_norms.then(&mut norm));
    Layer {
        attention_norm,
        attention: Attention { inputs, query_norm, key_norm, output, heads: Heads::of(config) },
        post_attention_norm,
        mlp_norm,
        mlp: FeedForward { inputs: mlp_inputs, down: linear(), activation: config.feed_forward.activation },
        post_mlp_norm,
    }
}
