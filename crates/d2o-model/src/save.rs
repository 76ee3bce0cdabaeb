//! Writing a model so that other tools load it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decoder::{CausalLm, transposed};
use crate::error::ModelError;
use crate::names;

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
        match self {
            Self::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Bf16 => values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
        }
    }

    fn safetensors(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::Bf16 => safetensors::Dtype::BF16,
            Self::F16 => safetensors::Dtype::F16,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }
}

/// A tensor in Hugging Face's layout, encoded.
struct Encoded {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Writes `config.json` and the weights below `dir`, adapters folded in.
///
/// Weights beyond `shard_bytes` are split into shards with an index; `None` writes one file. The
/// weights go in first and `config.json` last, each aside and then renamed.
///
/// # Errors
/// [`ModelError::Io`] naming the file.
pub fn save_hf(model: &CausalLm, dir: &Path, dtype: Dtype, shard_bytes: Option<u64>) -> Result<(), ModelError> {
    create_dir(dir)?;
    let tensors = encode_all(&model.merge_adapters(), dtype);
    let total: usize = tensors.iter().map(|tensor| tensor.bytes.len()).sum();
    let shards = split(tensors, shard_bytes);
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    if let [only] = shards.as_slice() {
        write_safetensors(&dir.join("model.safetensors"), only, dtype, &metadata)?;
    } else {
        let mut map = BTreeMap::new();
        for (index, shard) in shards.iter().enumerate() {
            let file = format!("model-{:05}-of-{:05}.safetensors", index + 1, shards.len());
            write_safetensors(&dir.join(&file), shard, dtype, &metadata)?;
            map.extend(shard.iter().map(|tensor| (tensor.name.clone(), file.clone())));
        }
        let index = json!({"metadata": {"total_size": total}, "weight_map": map});
        write_json(&dir.join("model.safetensors.index.json"), &index)?;
    }
    let mut config = model.config().raw().clone();
    if let Value::Object(fields) = &mut config {
        for old in ["torch_dtype", "dtype", "quantization_config"] {
            fields.remove(old);
        }
        fields.insert("dtype".to_owned(), json!(dtype.name()));
    }
    write_json(&dir.join("config.json"), &config)
}

/// Writes the adapters below `dir` in PEFT's layout; `base` names the model they belong to.
///
/// # Errors
/// [`ModelError::Trainable`] if the model has no adapters; [`ModelError::Io`].
pub fn save_peft(model: &CausalLm, dir: &Path, base: &str) -> Result<(), ModelError> {
    create_dir(dir)?;
    let mut tensors = Vec::new();
    let mut targets = Vec::new();
    let mut layers = Vec::new();
    let mut knobs = None;
    for (index, layer) in model.layers.iter().enumerate() {
        for (module, linear) in names::LINEARS.iter().zip(names::linears(layer)) {
            let Some(adapter) = &linear.adapter else { continue };
            let module_name = format!("base_model.model.{}", names::in_layer(index, module));
            for (side, tensor) in [("lora_A", &adapter.a), ("lora_B", &adapter.b)] {
                tensors.push(encode_linear(format!("{module_name}.{side}.weight"), tensor.val().inner(), Dtype::F32));
            }
            let [_, rank] = adapter.a.val().dims();
            knobs = Some((rank, adapter.scale * rank as f64));
            push_new(&mut targets, module.rsplit('.').next().unwrap_or(module).to_owned());
            push_new(&mut layers, index);
        }
    }
    let Some((rank, alpha)) = knobs else {
        return Err(ModelError::Trainable { reason: "the model has no adapters to save".to_owned() });
    };
    let all = layers.len() == model.layers.len();
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    write_safetensors(&dir.join("adapter_model.safetensors"), &tensors, Dtype::F32, &metadata)?;
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
    write_json(&dir.join("adapter_config.json"), &config)
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn encode_all(model: &CausalLm, dtype: Dtype) -> Vec<Encoded> {
    let mut tensors = vec![encode_plain(names::EMBEDDING.to_owned(), model.embedding.val().inner(), dtype)];
    for (index, layer) in model.layers.iter().enumerate() {
        let name = |rest: &str| names::in_layer(index, rest);
        for (module, linear) in names::LINEARS.iter().zip(names::linears(layer)) {
            tensors.push(encode_linear(name(&format!("{module}.weight")), linear.weight.val().inner(), dtype));
        }
        for (module, norm) in [("input_layernorm", &layer.attention_norm), ("post_attention_layernorm", &layer.mlp_norm)] {
            tensors.push(encode_plain(name(&format!("{module}.weight")), norm.weight.val().inner(), dtype));
        }
    }
    tensors.push(encode_plain(names::FINAL_NORM.to_owned(), model.norm.weight.val().inner(), dtype));
    if let Some(head) = &model.head {
        tensors.push(encode_linear(names::HEAD.to_owned(), head.weight.val().inner(), dtype));
    }
    tensors
}

fn encode_plain<const D: usize>(name: String, tensor: Tensor<D>, dtype: Dtype) -> Encoded {
    let shape = tensor.dims().to_vec();
    Encoded { name, shape, bytes: dtype.encode(&values(tensor)) }
}

/// `[in, out]` here is `[out, in]` there.
fn encode_linear(name: String, tensor: Tensor<2>, dtype: Dtype) -> Encoded {
    let [width, out] = tensor.dims();
    let values = transposed(&values(tensor), width, out);
    Encoded { name, shape: vec![out, width], bytes: dtype.encode(&values) }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn split(tensors: Vec<Encoded>, limit: Option<u64>) -> Vec<Vec<Encoded>> {
    let limit = limit.unwrap_or(u64::MAX);
    let mut shards: Vec<Vec<Encoded>> = Vec::new();
    let mut filled = 0u64;
    for tensor in tensors {
        let bytes = tensor.bytes.len() as u64;
        match shards.last_mut() {
            Some(shard) if filled + bytes <= limit => shard.push(tensor),
            _ => {
                shards.push(vec![tensor]);
                filled = 0;
            }
        }
        filled += bytes;
    }
    shards
}

fn write_safetensors(path: &Path, tensors: &[Encoded], dtype: Dtype, metadata: &HashMap<String, String>) -> Result<(), ModelError> {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(dtype.safetensors(), tensor.shape.clone(), &tensor.bytes);
        (tensor.name.as_str(), view.expect("bytes are encoded from the shape"))
    });
    let bytes = safetensors::serialize(views, Some(metadata.clone())).map_err(|error| ModelError::Corrupt {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })?;
    write(path, &bytes)
}

fn write_json(path: &Path, value: &Value) -> Result<(), ModelError> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("a JSON value is serialisable");
    bytes.push(b'\n');
    write(path, &bytes)
}

fn create_dir(dir: &Path) -> Result<(), ModelError> {
    fs::create_dir_all(dir).map_err(|source| ModelError::Io { path: dir.to_path_buf(), source })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside: PathBuf = path.with_file_name(format!(".{name}.partial"));
    let written = File::create(&aside).and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    });
    if written.is_err() {
        // Best effort: the error that matters is already on its way.
        let _ = fs::remove_file(&aside);
    }
    written.map_err(|source| ModelError::Io { path: path.to_path_buf(), source })
}
