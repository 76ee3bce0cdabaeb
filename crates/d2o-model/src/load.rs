//! Loading a model from disk.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use crate::config::ModelConfig;
use crate::decoder::CausalLm;
use crate::error::ModelError;
use crate::gguf::{GgufFile, NamedTensor, Vocabulary, config_json, hf_tensors};
use crate::weights::build::{HostTensor, Weights, build};
use crate::weights::safetensors_dir::Shards;

/// A model read from disk.
#[derive(Debug)]
pub struct LoadedModel {
    /// The weights, untracked.
    pub model: CausalLm,
    /// Its architecture.
    pub config: ModelConfig,
    /// The vocabulary, where the file carries one.
    pub gguf: Option<Vocabulary>,
    /// The files that hold the weights.
    pub files: Vec<PathBuf>,
}

/// Loads a Hugging Face directory, or a file in GGUF, onto `device` as f32.
///
/// # Errors
/// Every tensor is checked: a missing, extra or misshapen one is named, as is a truncated file, an
/// architecture or an option that is not computed here. Pickled weights are refused.
pub fn load(path: &Path, device: &Device) -> Result<LoadedModel, ModelError> {
    if path.is_dir() {
        let config = ModelConfig::from_file(&path.join("config.json"))?;
        let shards = Shards::find(path)?;
        let model = build(path, config.clone(), shards.read()?, device)?;
        return Ok(LoadedModel { model, config, gguf: None, files: shards.files });
    }
    if !path.exists() {
        let expected = "a model directory or a .gguf file, and there is nothing".to_owned();
        return Err(ModelError::NoWeights { path: path.to_path_buf(), expected });
    }
    let file = GgufFile::open(path)?;
    let config = ModelConfig::from_json(path, config_json(&file)?)?;
    let mut weights = Weights::new();
    for tensor in hf_tensors(&file)? {
        let NamedTensor { name, shape, values } = tensor?;
        weights.insert(name, HostTensor { shape, values });
    }
    let model = build(path, config.clone(), weights, device)?;
    Ok(LoadedModel { model, config, gguf: Some(file.vocabulary()?), files: vec![path.to_path_buf()] })
}
