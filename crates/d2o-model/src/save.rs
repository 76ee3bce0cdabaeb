//! Writing a model so that other tools load it.

mod file;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Tensor;
use half::{bf16, f16};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decoder::CausalLm;
use crate::error::ModelError;
use crate::layout::{transposed, values};
use crate::names::{self, Names};
use crate::norm::Norm;
use file::Encoded;

/// Type of exported weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32-bit floats.
    #[default]
    F32,
    /// bfloat16, rounded to nearest.
    Bf16,
    /// IEEE half precision, rounded to nearest.
    F16,
}

impl Dtype {
    fn encode(self, values: &[f32]) -> Vec<u8> {
        let half = |encode: fn(f32) -> [u8; 2]| values.iter().flat_map(|&value| encode(value)).collect();
        match self {
            Self::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Bf16 => half(|value| bf16::from_f32(value).to_le_bytes()),
            Self::F16 => half(|value| f16::from_f32(value).to_le_bytes()),
        }
    }

    fn in_safetensors(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::Bf16 => safetensors::Dtype::BF16,
            Self::F16 => safetensors::Dtype::F16,
        }
    }

    fn in_config(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }
}

/// Writes `config.json` and the weights below `dir`, adapters folded in.
///
/// Weights beyond `shard_bytes` are split into shards with an index; `None` writes one file. The
/// weights go in first and `config.json` last, each aside, synced and then renamed.
///
/// # Errors
/// [`ModelError::Io`] naming the file.
pub fn save_hf(model: &CausalLm, dir: &Path, dtype: Dtype, shard_bytes: Option<u64>) -> Result<(), ModelError> {
    file::create_dir(dir)?;
    let tensors = encode_all(&model.merge_adapters(), dtype);
    let total: usize = tensors.iter().map(|tensor| tensor.bytes.len()).sum();
    let shards = split(tensors, shard_bytes);
    let (single, index) = (dir.join("model.safetensors"), dir.join("model.safetensors.index.json"));
    if let [only] = shards.as_slice() {
        file::write_safetensors(&single, only)?;
        file::remove(&index)?;
    } else {
        let mut map = BTreeMap::new();
        for (number, shard) in shards.iter().enumerate() {
            let name = format!("model-{:05}-of-{:05}.safetensors", number + 1, shards.len());
            file::write_safetensors(&dir.join(&name), shard)?;
            map.extend(shard.iter().map(|tensor| (&tensor.name, name.clone())));
        }
        file::write_json(&index, &json!({"metadata": {"total_size": total}, "weight_map": map}))?;
        file::remove(&single)?;
    }
    file::write_json(&dir.join("config.json"), &exported_config(model, dtype))
}

fn exported_config(model: &CausalLm, dtype: Dtype) -> Value {
    let mut config = model.config().raw().clone();
    if let Value::Object(fields) = &mut config {
        // Older files say `torch_dtype`.
        let key = if fields.contains_key("torch_dtype") { "torch_dtype" } else { "dtype" };
        fields.insert(key.to_owned(), json!(dtype.in_config()));
    }
    config
}

/// Writes the adapters below `dir` in PEFT's layout; `base` names the model they belong to.
///
/// # Errors
/// [`ModelError::Trainable`] if the model has no adapters; [`ModelError::Io`].
pub fn save_peft(model: &CausalLm, dir: &Path, base: &str) -> Result<(), ModelError> {
    let mut tensors = Vec::new();
    let (mut targets, mut layers) = (Vec::new(), Vec::new());
    let mut knobs = None;
    for (index, module, linear) in model.linears() {
        let Some(adapter) = &linear.adapter else { continue };
        let module_name = format!("base_model.model.{}", model.module_name(index, module));
        for (factor, param) in names::FACTORS.iter().zip([&adapter.a, &adapter.b]) {
            let name = format!("{module_name}.{factor}.weight");
            tensors.push(encode_linear(name, param.val(), Dtype::F32));
        }
        knobs = Some((adapter.rank(), adapter.alpha));
        push_new(&mut targets, names::short(module));
        push_new(&mut layers, index);
    }
    let Some((rank, alpha)) = knobs else {
        let reason = "the model has no adapters to save".to_owned();
        return Err(ModelError::Trainable { reason });
    };
    let all = layers.len() == model.layers.len();
    let config = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": names::stored_as_here(model.config.family),
        "inference_mode": true,
        "target_modules": targets,
        "layers_to_transform": if all { Value::Null } else { json!(layers) },
    });
    file::create_dir(dir)?;
    file::write_safetensors(&dir.join("adapter_model.safetensors"), &tensors)?;
    file::write_json(&dir.join("adapter_config.json"), &config)
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn encode_all(model: &CausalLm, dtype: Dtype) -> Vec<Encoded> {
    let names = Names::of(model.config.family);
    let matrix = |name: &str, tensor| encode_plain(name.to_owned(), tensor, dtype);
    let mut tensors = vec![matrix(names.embedding, model.embedding.val())];
    tensors.extend(model.positions.iter().map(|positions| matrix(names.positions, positions.val())));
    for (index, layer) in model.layers.iter().enumerate() {
        for (map, linear) in names::maps(&model.config).iter().zip(layer.linears()) {
            let module = names.in_layer(index, map.module);
            let (name, weight) = (format!("{module}.weight"), linear.weight.val());
            tensors.push(match names::stored_as_here(model.config.family) {
                true => encode_plain(name, weight, dtype),
                false => encode_linear(name, weight, dtype),
            });
            let bias = linear.bias.as_ref().map(|bias| encode_plain(format!("{module}.bias"), bias.val(), dtype));
            tensors.extend(bias);
        }
        for ((module, _), norm) in names::norms(&model.config).iter().zip(layer.norms()) {
            tensors.extend(encode_norm(&names.in_layer(index, module), norm, dtype));
        }
    }
    tensors.extend(encode_norm(names.final_norm, &model.norm, dtype));
    if let Some(head) = &model.head {
        tensors.push(encode_linear(names::HEAD.to_owned(), head.weight.val(), dtype));
    }
    tensors
}

fn encode_norm(module: &str, norm: &Norm, dtype: Dtype) -> impl Iterator<Item = Encoded> {
    let bias = norm.bias.as_ref().map(|bias| encode_plain(format!("{module}.bias"), bias.val(), dtype));
    [encode_plain(format!("{module}.weight"), norm.weight.val(), dtype)].into_iter().chain(bias)
}

fn encode_plain<const D: usize>(name: String, tensor: Tensor<D>, dtype: Dtype) -> Encoded {
    let shape = tensor.dims().to_vec();
    let bytes = dtype.encode(&values(tensor.without_autodiff()));
    Encoded { name, shape, dtype: dtype.in_safetensors(), bytes }
}

/// `[in, out]` here is `[out, in]` there.
fn encode_linear(name: String, tensor: Tensor<2>, dtype: Dtype) -> Encoded {
    let [input, out] = tensor.dims();
    let values = transposed(&values(tensor.without_autodiff()), input, out);
    let bytes = dtype.encode(&values);
    Encoded { name, shape: vec![out, input], dtype: dtype.in_safetensors(), bytes }
}

/// Consecutive shards of at most `limit` bytes; a larger tensor stands alone.
fn split(tensors: Vec<Encoded>, limit: Option<u64>) -> Vec<Vec<Encoded>> {
    let limit = limit.unwrap_or(u64::MAX);
    let mut shards: Vec<Vec<Encoded>> = Vec::new();
    let mut filled = 0u64;
    for tensor in tensors {
        let bytes = tensor.bytes.len() as u64;
        match shards.last_mut() {
            Some(shard) if filled.saturating_add(bytes) <= limit => shard.push(tensor),
            _ => {
                shards.push(vec![tensor]);
                filled = 0;
            }
        }
        filled += bytes;
    }
    shards
}
