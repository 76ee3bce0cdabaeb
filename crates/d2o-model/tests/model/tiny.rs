//! Tiny random models and token ids.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use d2o_model::{CausalLm, Dtype, ModelConfig, save_hf};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

/// Tensors in Hugging Face's layout.
pub(crate) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub(crate) fn device() -> Device {
    d2o_testing::device::device()
}

pub(crate) fn config_json(tied: bool) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": 50,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 6,
        "hidden_act": "silu",
        "rope_parameters": {"rope_theta": 500.0, "rope_type": "default"},
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64,
        "initializer_range": 0.25,
        "tie_word_embeddings": tied,
        "bos_token_id": 1,
        "eos_token_id": [2, 3],
    })
}

pub(crate) fn config(tied: bool) -> ModelConfig {
    ModelConfig::from_json(Path::new("config.json"), config_json(tied)).unwrap()
}

/// Random weights; norms are not all ones.
pub(crate) fn model(tied: bool) -> CausalLm {
    CausalLm::init(&config(tied), 11, &device()).map(&mut Noise { size: 0.2, frozen_too: true })
}

/// `model` with every trained parameter moved, as if it had been trained.
pub(crate) fn moved(model: CausalLm) -> CausalLm {
    model.map(&mut Noise { size: 0.3, frozen_too: false })
}

/// Adds numbers in ±`size` to parameters, each parameter its own; trained ones stay trained.
struct Noise {
    size: f32,
    frozen_too: bool,
}

impl ModuleMapper for Noise {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        let value = param.val();
        let trains = value.is_require_grad();
        if !trains && !self.frozen_too {
            return Param::initialized(id, value);
        }
        let mut state = id.val();
        let count = value.shape().num_elements();
        let noise: Vec<f32> = (0..count).map(|_| self.size * step(&mut state)).collect();
        let noise = Tensor::<D>::from_data(TensorData::new(noise, value.dims()), &value.device());
        let value = (value + noise).detach();
        Param::initialized(id, if trains { value.require_grad() } else { value })
    }
}

/// The gradient of `loss` in every parameter, in the order of [`CausalLm::trainable`] of a model all
/// of whose weights train.
pub(crate) fn slopes(model: &CausalLm, loss: Tensor<1>) -> Vec<Vec<f32>> {
    let gradients = loss.backward();
    let mut visitor = Slopes { of: &gradients, found: Vec::new() };
    model.visit(&mut visitor);
    visitor.found
}

struct Slopes<'a> {
    of: &'a Gradients,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(floats(param.val().grad(self.of).expect("every parameter has a gradient")));
    }
}

/// A linear congruential step, to a number in [-1, 1).
fn step(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// `len` token ids below the vocabulary's size, different for each `seed`.
pub(crate) fn ids(seed: u64, len: usize) -> Vec<u32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len).map(|_| ((step(&mut state) + 1.0) * 25.0) as u32).collect()
}

/// Rows of equal length as a tensor.
pub(crate) fn batch(rows: &[Vec<u32>]) -> Tensor<2, Int> {
    let len = rows[0].len();
    let flat: Vec<i64> = rows.iter().flatten().map(|&id| i64::from(id)).collect();
    Tensor::from_data(TensorData::new(flat, [rows.len(), len]), &device())
}

pub(crate) fn targets(ids: &[u32]) -> Tensor<1, Int> {
    batch(&[ids.to_vec()]).reshape([ids.len()])
}

pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.without_autodiff().into_data().iter::<f32>().collect()
}

/// Row `index` of `[batch, len, width]`.
pub(crate) fn row(hidden: &Tensor<3>, index: usize) -> Tensor<2> {
    hidden.clone().narrow(0, index, 1).squeeze_dim(0)
}

/// The largest difference between two lists of one length.
pub(crate) fn worst(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    assert!(left.iter().chain(right).all(|value| value.is_finite()), "a value is not finite");
    left.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The weights that [`save_hf`] writes, read by another reader than the crate's.
pub(crate) fn weights(model: &CausalLm) -> Weights {
    let dir = tempfile::tempdir().unwrap();
    save_hf(model, dir.path(), Dtype::F32, None).unwrap();
    read(&dir.path().join("model.safetensors"))
}

pub(crate) fn read(path: &Path) -> Weights {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let float = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    file.tensors()
        .into_iter()
        .map(|(name, view)| (name, (view.shape().to_vec(), view.data().chunks(4).map(float).collect())))
        .collect()
}

/// Writes a model directory with these files.
pub(crate) fn write(dir: &Path, config: &Value, weights: &Weights) {
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    write_weights(&dir.join("model.safetensors"), weights);
}

pub(crate) fn write_weights(path: &Path, weights: &Weights) {
    let bytes: BTreeMap<&String, Vec<u8>> = weights
        .iter()
        .map(|(name, (_, values))| (name, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = weights.iter().map(|(name, (shape, _))| {
        (name, TensorView::new(safetensors::Dtype::F32, shape.clone(), &bytes[name]).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}
