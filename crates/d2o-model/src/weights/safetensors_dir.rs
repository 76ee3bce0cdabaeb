//! Hugging Face directories: safetensors in one file, or in shards with an index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::Deserialize;

use super::build::{HostTensor, Weights};
use super::numbers;
use crate::error::ModelError;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The files that hold a directory's weights, in order of their names: one, or the shards of an index.
///
/// # Errors
/// [`ModelError::NoWeights`] if there are none, if they are pickled, or if a shard that is named is absent.
pub fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, ModelError> {
    Ok(Shards::find(dir)?.files)
}

/// The weight files of a directory.
pub(crate) struct Shards {
    /// In order of their names.
    pub(crate) files: Vec<PathBuf>,
    /// The index and the tensors that it promises.
    index: Option<(PathBuf, BTreeSet<String>)>,
}

impl Shards {
    /// Finds the weight files of `dir`.
    ///
    /// # Errors
    /// No safetensors, pickled weights instead of them, a shard that is named and absent.
    pub(crate) fn find(dir: &Path) -> Result<Self, ModelError> {
        let (single, index) = (dir.join(SINGLE), dir.join(INDEX));
        if single.exists() {
            return Ok(Self { files: vec![single], index: None });
        }
        if !index.exists() {
            return Err(nothing(dir));
        }
        let map = read_index(&index)?;
        let names: BTreeSet<&String> = map.values().collect();
        let mut files = Vec::with_capacity(names.len());
        for name in names {
            if Path::new(name).file_name().is_none_or(|last| last != name.as_str()) {
                let reason = format!("shard `{name}` is not a file name");
                return Err(ModelError::Corrupt { path: index, reason });
            }
            let path = dir.join(name);
            if !path.exists() {
                let expected = format!("a shard that {INDEX} names");
                return Err(ModelError::NoWeights { path, expected });
            }
            files.push(path);
        }
        Ok(Self { files, index: Some((index, map.into_keys().collect())) })
    }

    /// All tensors as f32.
    ///
    /// # Errors
    /// A truncated or lying header, a type that is not read, a tensor that two shards hold, or one
    /// that the index promises and no shard has.
    pub(crate) fn read(&self) -> Result<Weights, ModelError> {
        let mut weights = Weights::new();
        for path in &self.files {
            for (name, tensor) in read_file(path)? {
                if weights.contains_key(&name) {
                    return Err(corrupt(path, format!("tensor `{name}` is in another shard as well")));
                }
                weights.insert(name, tensor);
            }
        }
        if let Some((path, promised)) = &self.index
            && let Some(name) = promised.iter().find(|&name| !weights.contains_key(name))
        {
            return Err(ModelError::MissingTensor { path: path.clone(), name: name.clone() });
        }
        Ok(weights)
    }
}

/// All tensors of one file as f32.
///
/// # Errors
/// A truncated or lying header, a type that is not read.
pub(crate) fn read_file(path: &Path) -> Result<Weights, ModelError> {
    let bytes = read(path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| not_whole(path, &error))?;
    let decoded = tensors.tensors().into_iter().map(|(name, view)| {
        let values = floats(path, &name, view.dtype(), view.data())?;
        Ok((name, HostTensor { shape: view.shape().to_vec(), values }))
    });
    decoded.collect()
}

/// The notes in a file's header.
///
/// # Errors
/// A truncated or lying header.
pub(crate) fn read_notes(path: &Path) -> Result<HashMap<String, String>, ModelError> {
    let bytes = read(path)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| not_whole(path, &error))?;
    Ok(header.metadata().clone().unwrap_or_default())
}

fn not_whole(path: &Path, error: &SafeTensorError) -> ModelError {
    corrupt(path, format!("not a whole safetensors file: {error}"))
}

fn corrupt(path: &Path, reason: String) -> ModelError {
    ModelError::Corrupt { path: path.to_path_buf(), reason }
}

/// What a directory without safetensors has instead.
fn nothing(dir: &Path) -> ModelError {
    let pickled = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("bin" | "pt" | "pth"))
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    match entries.map(|entry| entry.path()).find(pickled) {
        Some(path) => ModelError::NoWeights {
            path,
            expected: format!("{SINGLE}; pickled weights can run code when opened and are not read"),
        },
        None => ModelError::NoWeights { path: dir.to_path_buf(), expected: format!("{SINGLE} or {INDEX}") },
    }
}

fn read_index(path: &Path) -> Result<BTreeMap<String, String>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index: Index = serde_json::from_slice(&read(path)?).map_err(|error| ModelError::json(path, &error))?;
    if index.weight_map.is_empty() {
        let reason = "field `weight_map` is empty".to_owned();
        return Err(ModelError::Config { path: path.to_path_buf(), line: 1, reason });
    }
    Ok(index.weight_map)
}

fn floats(path: &Path, name: &str, dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, ModelError> {
    match dtype {
        Dtype::F32 => Ok(numbers::f32s(bytes)),
        Dtype::F16 => Ok(numbers::from_f16(bytes)),
        Dtype::BF16 => Ok(numbers::from_bf16(bytes)),
        other => Err(ModelError::Dtype { path: path.to_path_buf(), name: name.to_owned(), dtype: other.to_string() }),
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|source| ModelError::Io { path: path.to_path_buf(), source })
}
