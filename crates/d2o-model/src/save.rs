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
use crate::names;
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
    for (index, layer) in model.layers.iter().enumerate() {
        for (module, linear) in names::LINEARS.into_iter().zip(names::linears(layer)) {
            let Some(adapter) = &linear.adapter else { continue };
            let module_name = format!("base_model.model.{}", names::in_layer(index, module));
            for (factor, param) in names::FACTORS.iter().zip([&adapter.a, &adapter.b]) {
                let name = format!("{module_name}.{factor}.weight");
                tensors.push(encode_linear(name, param.val(), Dtype::F32));
            }
            knobs = Some((adapter.rank(), adapter.alpha));
            push_new(&mut targets, names::short(module));
            push_new(&mut layers, index);
        }
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
        "fan_in_fan_out": false,
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
    let plain = |name: &str, tensor| encode_plain(name.to_owned(), tensor, dtype);
    let mut tensors = vec![encode_plain(names::EMBEDDING.to_owned(), model.embedding.val(), dtype)];
    for (index, layer) in model.layers.iter().enumerate() {
        let name = |module: &str| names::in_layer(index, &format!("{module}.weight"));
        for (module, linear) in names::LINEARS.iter().zip(names::linears(layer)) {
            tensors.push(encode_linear(name(module), linear.weight.val(), dtype));
        }
        for (module, norm) in names::NORMS.iter().zip([&layer.attention_norm, &layer.mlp_norm]) {
            tensors.push(plain(&name(module), norm.weight.val()));
        }
    }
    tensors.push(plain(names::FINAL_NORM, model.norm.weight.val()));
    if let Some(head) = &model.head {
        tensors.push(encode_linear(names::HEAD.to_owned(), head.weight.val(), dtype));
    }
    tensors
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
