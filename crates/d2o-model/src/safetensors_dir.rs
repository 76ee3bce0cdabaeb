//! Hugging Face directories: `config.json` with safetensors, in one file or in shards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::build::Weights;
use crate::error::ModelError;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The shards of `dir`, in order of their names.
pub(crate) fn shards(dir: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let single = dir.join(SINGLE);
    if single.exists() {
        return Ok(vec![single]);
    }
    let index = dir.join(INDEX);
    if index.exists() {
        let names: BTreeSet<String> = read_index(&index)?.into_values().collect();
        let paths: Vec<PathBuf> = names.iter().map(|name| dir.join(name)).collect();
        return match paths.iter().find(|path| !path.exists()) {
            Some(missing) => Err(ModelError::NoWeights {
                path: missing.clone(),
                expected: format!("a shard that {INDEX} names"),
            }),
            None => Ok(paths),
        };
    }
    let pickled = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| matches!(path.extension().and_then(|ext| ext.to_str()), Some("bin" | "pt" | "pth")));
    Err(ModelError::NoWeights {
        expected: match &pickled {
            Some(_) => format!("{SINGLE}; pickled weights can run code when opened and are not read"),
            None => format!("{SINGLE} or {INDEX}"),
        },
        path: pickled.unwrap_or_else(|| dir.to_path_buf()),
    })
}

fn read_index(path: &Path) -> Result<BTreeMap<String, String>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let text = read(path)?;
    let index: Index = serde_json::from_slice(&text).map_err(|error| ModelError::Config {
        path: path.to_path_buf(),
        line: error.line(),
        reason: error.to_string(),
    })?;
    Ok(index.weight_map)
}

/// All tensors of all shards as f32.
///
/// # Errors
/// A truncated or lying header, a type that is not read, a tensor that the index promises and no shard has.
pub(crate) fn read_weights(dir: &Path, shards: &[PathBuf]) -> Result<Weights, ModelError> {
    let mut weights = Weights::new();
    for shard in shards {
        let bytes = read(shard)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| ModelError::Corrupt {
            path: shard.clone(),
            reason: format!("not a whole safetensors file: {error}"),
        })?;
        for (name, view) in tensors.tensors() {
            let values = floats(shard, &name, view.dtype(), view.data())?;
            weights.insert(name, (view.shape().to_vec(), values));
        }
    }
    let index = dir.join(INDEX);
    if shards.len() > 1 || !dir.join(SINGLE).exists() {
        let promised = read_index(&index)?;
        if let Some(name) = promised.into_keys().find(|name| !weights.contains_key(name)) {
            return Err(ModelError::MissingTensor { path: index, name });
        }
    }
    Ok(weights)
}

fn floats(path: &Path, name: &str, dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, ModelError> {
    let pairs = || bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    match dtype {
        Dtype::F32 => Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F16 => Ok(pairs().map(|pair| f16::from_le_bytes(pair).to_f32()).collect()),
        Dtype::BF16 => Ok(pairs().map(|pair| bf16::from_le_bytes(pair).to_f32()).collect()),
        other => Err(ModelError::Dtype { path: path.to_path_buf(), name: name.to_owned(), dtype: format!("{other:?}") }),
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|source| ModelError::Io { path: path.to_path_buf(), source })
}
