//! Loading a model from disk.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use crate::config::{ModelConfig, generation_end_tokens};
use crate::decoder::CausalLm;
use crate::error::ModelError;
use crate::gguf::{GgufFile, NamedTensor, Vocabulary, config_json, hf_tensors, models_in};
use crate::weights::build::{HostTensor, Weights, build};
use crate::weights::check::refuse_unusable;
use crate::weights::instead::{WANTED, nothing};
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
    /// Tokens with which the model ends its answers: those of `generation_config.json`, else of `config.json`; in GGUF
    /// the ends of sequence, turn and message.
    pub end_tokens: Vec<u32>,
    /// The files that hold the weights.
    pub files: Vec<PathBuf>,
    /// What is odd about the model and was understood nevertheless.
    pub warnings: Vec<String>,
}

/// Loads a Hugging Face directory, a file in GGUF, or the one in a directory, onto `device` as f32.
///
/// # Errors
/// Every tensor is checked: a missing, extra, misshapen or empty one is named, as is one with numbers that are not
/// finite, a truncated file, an architecture or an option that is not computed here. Pickled weights are refused.
pub fn load(path: &Path, device: &Device) -> Result<LoadedModel, ModelError> {
    if !path.exists() {
        return Err(ModelError::NoWeights {
            path: path.to_path_buf(),
            expected: "a model directory or a .gguf file, and there is nothing".to_owned(),
            remedy: WANTED.to_owned(),
        });
    }
    if !path.is_dir() {
        return load_gguf(path, device);
    }
    let described = path.join("config.json").exists();
    let shards = Shards::find(path);
    // Directories of GGUF files often keep the configuration of the model that they were made from.
    if !described || shards.is_err() {
        match models_in(path)?.as_slice() {
            [] => {}
            [only] => return load_gguf(only, device),
            several => return Err(one_of(path, several)),
        }
    }
    match shards {
        _ if described => load_directory(path, shards, device),
        Err(_) => Err(nothing(path, "config.json and model.safetensors")),
        Ok(_) => Err(ModelError::NoWeights {
            path: path.to_path_buf(),
            expected: "config.json beside the weights".to_owned(),
            remedy: "take config.json from where the weights came from".to_owned(),
        }),
    }
}
/// `shards` are looked at when the configuration is known to be one that is computed: what is wrong with that comes
/// first.
fn load_directory(dir: &Path, shards: Result<Shards, ModelError>, device: &Device) -> Result<LoadedModel, ModelError> {
    let config = ModelConfig::from_file(&dir.join("config.json"))?;
    let shards = shards?;
    let mut end_tokens = generation_end_tokens(dir)?;
    if end_tokens.is_empty() {
        end_tokens.extend(config.eos_token_ids());
    }
    let (model, warning) = build(dir, config, shards.read()?, device)?;
    let mut warnings: Vec<String> = warning.into_iter().collect();
    let rows = model.config().vocab_size;
    let beyond: Vec<u32> = end_tokens.iter().copied().filter(|&id| id as usize >= rows).collect();
    if !beyond.is_empty() {
        warnings.push(format!("{}: end tokens {beyond:?} are beyond the embedding's {rows} rows", dir.display()));
        end_tokens.retain(|id| !beyond.contains(id));
    }
    let config = model.config().clone();
    Ok(LoadedModel { model, config, gguf: None, end_tokens, files: shards.files, warnings })
}

fn load_gguf(path: &Path, device: &Device) -> Result<LoadedModel, ModelError> {
    let file = GgufFile::open(path)?;
    let config = ModelConfig::from_json(path, config_json(&file)?)?;
    let mut weights = Weights::new();
    for tensor in hf_tensors(&file)? {
        let NamedTensor { name, shape, values } = tensor?;
        let tensor = HostTensor { shape, values };
        refuse_unusable(path, &name, &tensor)?;
        weights.insert(name, tensor);
    }
    let (model, warning) = build(path, config, weights, device)?;
    let config = model.config().clone();
    let (vocabulary, files) = (file.vocabulary()?, file.files().to_vec());
    let end_tokens = vocabulary.end_tokens();
    let warnings = warning.into_iter().collect();
    Ok(LoadedModel { model, config, gguf: Some(vocabulary), end_tokens, files, warnings })
}

/// The refusal of a directory that holds several models.
fn one_of(dir: &Path, models: &[PathBuf]) -> ModelError {
    let names = models.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    ModelError::NoWeights {
        path: dir.to_path_buf(),
        expected: format!("one model, and there are {}: {}", models.len(), names.collect::<Vec<_>>().join(", ")),
        remedy: format!("give one of them, such as {}", models[0].display()),
    }
}
