//! Hugging Face directories: safetensors in one file, or in shards with an index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use d2o_gguf::GgufError;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::Deserialize;

use super::build::{HostTensor, Weights};
use super::check::refuse_unusable;
use super::instead::nothing;
use super::names::is_mask;
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
    /// The shards of an index that lies beside a whole file.
    copies: Vec<PathBuf>,
}

impl Shards {
    /// Finds the weight files of `dir`: one, the shards of an index, or shards that are all there by their names.
    ///
    /// # Errors
    /// No safetensors, pickled weights instead of them, a shard that is named and absent or not a file name.
    pub(crate) fn find(dir: &Path) -> Result<Self, ModelError> {
        let (single, index) = (dir.join(SINGLE), dir.join(INDEX));
        if single.exists() {
            let copies = if index.exists() { indexed(dir, &index)?.0 } else { Vec::new() };
            // An index whose shards are gone says nothing about the file.
            let whole = copies.iter().all(|file| file.exists());
            let copies = copies.into_iter().filter(|file| whole && *file != single).collect();
            return Ok(Self { files: vec![single], index: None, copies });
        }
        let (files, index) = if index.exists() {
            let (files, tensors) = indexed(dir, &index)?;
            (files, Some((index, tensors)))
        } else {
            (numbered(dir).ok_or_else(|| nothing(dir, &format!("{SINGLE} or {INDEX}")))?, None)
        };
        match files.iter().find(|file| !file.exists()) {
            Some(absent) => {
                let named =
                    if index.is_some() { format!("that {INDEX} names") } else { "beside the others".to_owned() };
                let remedy = "fetch the shard from where the others came from".to_owned();
                let expected = format!("a shard {named}");
                Err(ModelError::NoWeights { path: absent.clone(), expected, remedy })
            }
            None => Ok(Self { files, index, copies: Vec::new() }),
        }
    }

    /// All tensors as f32.
    ///
    /// # Errors
    /// A truncated or lying header, a type that is not read, a tensor without usable values, one that two files hold
    /// differently, or one that the index promises and no shard has.
    pub(crate) fn read(&self) -> Result<Weights, ModelError> {
        let mut weights = Weights::new();
        for path in &self.files {
            for (name, tensor) in read_file(path)? {
                match weights.get(&name) {
                    Some(other) if *other != tensor => {
                        return Err(two_values(
                            path,
                            name,
                            "is in another shard as well, with other values".to_owned(),
                        ));
                    }
                    _ => weights.insert(name, tensor),
                };
            }
        }
        if weights.is_empty() {
            let path = self.files[0].clone();
            return Err(ModelError::Corrupt { path, reason: "the file holds no tensors".to_owned() });
        }
        if let Some((path, promised)) = &self.index
            && let Some(name) = promised.iter().find(|&name| !weights.contains_key(name))
        {
            return Err(ModelError::MissingTensor { path: path.clone(), name: name.clone() });
        }
        self.compare(&weights)?;
        Ok(weights)
    }

    /// Refuses shards that hold another model than the whole file beside them.
    fn compare(&self, weights: &Weights) -> Result<(), ModelError> {
        for path in &self.copies {
            for (name, tensor) in read_file(path)? {
                if weights.get(&name) != Some(&tensor) {
                    let problem = format!("is another one in {SINGLE}: the directory holds two models");
                    return Err(two_values(path, name, problem));
                }
            }
        }
        Ok(())
    }
}

fn two_values(path: &Path, name: String, problem: String) -> ModelError {
    let remedy = "remove the files that do not belong to the model, or fetch it into an empty directory";
    ModelError::Tensor { path: path.to_path_buf(), name, problem, remedy }
}

/// The shards of an index in the order of their names, and its tensors.
fn indexed(dir: &Path, index: &Path) -> Result<(Vec<PathBuf>, BTreeSet<String>), ModelError> {
    let map = read_index(index)?;
    let names: BTreeSet<&String> = map.values().collect();
    if let Some(name) = names.iter().find(|name| Path::new(name).file_name().is_none_or(|last| last != name.as_str())) {
        let reason = format!("field `weight_map`: shard `{name}` is not a file name");
        return Err(ModelError::Config { path: index.to_path_buf(), line: 1, reason });
    }
    let files = names.into_iter().map(|name| dir.join(name)).collect();
    Ok((files, map.into_keys().collect()))
}

/// Shards without an index, by their names `model-00001-of-00003.safetensors`: all that the first one's name says.
fn numbered(dir: &Path) -> Option<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    let count = |name: &str| {
        let rest = name.strip_prefix("model-")?.strip_suffix(".safetensors")?;
        let (number, count) = rest.split_once("-of-")?;
        let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits(number) && digits(count)).then(|| count.parse::<usize>().ok())?
    };
    let count = entries.filter_map(|entry| count(entry.file_name().to_str()?)).max().filter(|&count| count > 0)?;
    let shard = |number: usize| dir.join(format!("model-{number:05}-of-{count:05}.safetensors"));
    Some((1..=count).map(shard).collect())
}

/// All tensors of one file as f32.
///
/// # Errors
/// A truncated or lying header, a type that is not read, a tensor without values or with ones that are not finite.
pub(crate) fn read_file(path: &Path) -> Result<Weights, ModelError> {
    let bytes = read(path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| not_whole(path, &bytes, &error))?;
    // Older GPT-2 files hold masks of truth values, which are no weights.
    let weights = tensors
        .tensors()
        .into_iter()
        .filter(|(name, view)| matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) || !is_mask(name));
    let decoded = weights.map(|(name, view)| {
        let values = floats(path, &name, view.dtype(), view.data())?;
        let tensor = HostTensor { shape: view.shape().to_vec(), values };
        refuse_unusable(path, &name, &tensor)?;
        Ok((name, tensor))
    });
    decoded.collect()
}

/// The notes in a file's header.
///
/// # Errors
/// A truncated or lying header.
pub(crate) fn read_notes(path: &Path) -> Result<HashMap<String, String>, ModelError> {
    let bytes = read(path)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| not_whole(path, &bytes, &error))?;
    Ok(header.metadata().clone().unwrap_or_default())
}

fn not_whole(path: &Path, bytes: &[u8], error: &SafeTensorError) -> ModelError {
    let path = path.to_path_buf();
    match d2o_gguf::stand_in(bytes) {
        Some((found, remedy)) => GgufError::Foreign { path, found: format!("is {found}"), remedy }.into(),
        None => ModelError::Corrupt { path, reason: format!("not a whole safetensors file: {error}") },
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
