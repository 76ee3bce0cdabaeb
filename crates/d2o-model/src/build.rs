//! Building a model from named tensors, strictly: every tensor is used once and has the right shape.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::tensor::{Device, Tensor};

use crate::config::ModelConfig;
use crate::decoder::CausalLm;
use crate::error::ModelError;
use crate::layer::{Layer, RmsNorm};
use crate::layout::{tensor, transposed};
use crate::linear::Linear;
use crate::names;
use crate::random::Random;

/// Named tensors in Hugging Face's layout.
pub(crate) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A model on `device` from all of `weights`.
///
/// # Errors
/// [`ModelError::MissingTensor`], [`ModelError::UnexpectedTensor`] or [`ModelError::Shape`], naming the tensor.
pub(crate) fn build(
    path: &Path,
    config: ModelConfig,
    weights: Weights,
    device: &Device,
) -> Result<CausalLm, ModelError> {
    let epsilon = config.rms_norm_eps;
    let mut source = Source { path: path.to_path_buf(), weights, device, epsilon };
    let (vocab, width) = (config.vocab_size, config.hidden_size);
    let embedding = source.matrix(names::EMBEDDING, [vocab, width])?;
    let layers = (0..config.layers).map(|index| source.layer(index, &config)).collect::<Result<Vec<_>, _>>()?;
    let norm = source.norm(names::FINAL_NORM, width)?;
    let head = if config.tie_word_embeddings {
        // Some files repeat the tied head; it says nothing new.
        source.weights.remove(names::HEAD);
        None
    } else {
        Some(source.linear(names::HEAD, [vocab, width])?)
    };
    source.finish()?;
    Ok(CausalLm { embedding, layers, norm, head, half_head: None, config })
}

impl CausalLm {
    /// A model of random weights: normal with deviation `initializer_range`, norms one.
    ///
    /// A tensor's numbers depend on `seed` and its name alone, so the same seed gives the same model
    /// on every machine and backend.
    pub fn init(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        let random = |(name, shape): (String, Vec<usize>)| {
            let count = shape.iter().product();
            let values = match shape.len() {
                1 => vec![1.0; count],
                _ => Random::of(seed, &name).normals(count, config.initializer_range),
            };
            (name, (shape, values))
        };
        let weights = names::tensors(config).into_iter().map(random).collect();
        build(Path::new("random weights"), config.clone(), weights, device)
            .expect("weights made from the configuration fit it")
    }
}

struct Source<'a> {
    path: PathBuf,
    weights: Weights,
    device: &'a Device,
    epsilon: f64,
}

impl Source<'_> {
    fn layer(&mut self, index: usize, config: &ModelConfig) -> Result<Layer, ModelError> {
        let mut linears = Vec::with_capacity(names::LINEARS.len());
        for (module, shape) in names::LINEARS.iter().zip(names::linear_shapes(config)) {
            let name = names::in_layer(index, &format!("{module}.weight"));
            linears.push(self.linear(&name, shape)?);
        }
        let [query, key, value, output, gate, up, down] = linears.try_into().expect("one map for each name");
        let mut norm =
            |module: &str| self.norm(&names::in_layer(index, &format!("{module}.weight")), config.hidden_size);
        let [first, second] = names::NORMS;
        let (attention_norm, mlp_norm) = (norm(first)?, norm(second)?);
        Ok(Layer { attention_norm, query, key, value, output, mlp_norm, gate, up, down })
    }

    fn take(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let Some((found, values)) = self.weights.remove(name) else {
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

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Param<Tensor<2>>, ModelError> {
        let values = self.take(name, &shape)?;
        Ok(Param::initialized(names::param_id(name), tensor(values, shape, self.device)))
    }

    fn linear(&mut self, name: &str, [out, input]: [usize; 2]) -> Result<Linear, ModelError> {
        let values = self.take(name, &[out, input])?;
        let weight = tensor(transposed(&values, out, input), [input, out], self.device);
        Ok(Linear::new(Param::initialized(names::param_id(name), weight)))
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<RmsNorm, ModelError> {
        let values = self.take(name, &[width])?;
        let weight = Param::initialized(names::param_id(name), tensor(values, [width], self.device));
        Ok(RmsNorm { weight, epsilon: self.epsilon })
    }

    fn finish(self) -> Result<(), ModelError> {
        // Buffers that older exports carry; the rotary angles are computed.
        let mut names = self.weights.into_keys();
        match names.find(|name| !name.ends_with("rotary_emb.inv_freq")) {
            Some(name) => Err(ModelError::UnexpectedTensor { path: self.path, name }),
            None => Ok(()),
        }
    }
}
