//! Writing Hugging Face directories.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::decoder::CausalLm;
use crate::error::ModelError;

use super::encode::{self, Dtype, Encoded};
use super::file;
use super::tensors::hf_tensors;

/// Writes `config.json` and the weights below `dir`, adapters folded in.
///
/// Weights beyond `shard_bytes` are split into shards with an index; `None` writes one file. The
/// weights go in first and `config.json` last, each aside, synced and then renamed. One tensor at a
/// time is held in its encoded form.
///
/// # Errors
/// [`ModelError::Io`] naming the file; [`ModelError::Range`] for a weight beyond what `dtype` holds.
pub fn save_hf(model: &CausalLm, dir: &Path, dtype: Dtype, shard_bytes: Option<u64>) -> Result<(), ModelError> {
    file::create_dir(dir)?;
    let tensors: Vec<Encoded> =
        hf_tensors(&model.merge_adapters()).into_iter().map(|tensor| Encoded::new(tensor, dtype)).collect();
    let total: usize = tensors.iter().map(Encoded::len).sum();
    let shards = split(tensors, shard_bytes);
    let (single, index) = (dir.join("model.safetensors"), dir.join("model.safetensors.index.json"));
    if let [only] = shards.as_slice() {
        encode::write(&single, only, BTreeMap::new())?;
        file::remove(&index)?;
    } else {
        let mut map = BTreeMap::new();
        for (number, shard) in shards.iter().enumerate() {
            let name = format!("model-{:05}-of-{:05}.safetensors", number + 1, shards.len());
            encode::write(&dir.join(&name), shard, BTreeMap::new())?;
            map.extend(shard.iter().map(|tensor| (tensor.name(), name.clone())));
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

/// Consecutive shards of at most `limit` bytes; a larger tensor stands alone.
fn split(tensors: Vec<Encoded>, limit: Option<u64>) -> Vec<Vec<Encoded>> {
    let limit = limit.unwrap_or(u64::MAX);
    let mut shards: Vec<Vec<Encoded>> = Vec::new();
    let mut filled = 0u64;
    for tensor in tensors {
        let bytes = tensor.len() as u64;
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
