//! The model that a run starts from: weights, tokenizer and template, with their fingerprints.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use d2o_data::{ChatTemplate, Encoder, TextTokenizer};
use d2o_model::{CausalLm, LoadedModel, ModelConfig};

use crate::anchors::store::Origins;
use crate::durable;
use crate::error::TrainError;

/// A frozen model with everything that frames text for it.
pub struct Base {
    /// Where it was read from.
    pub path: PathBuf,
    /// The weights, untracked.
    pub model: CausalLm,
    /// Its architecture.
    pub config: ModelConfig,
    /// Its tokenizer, template and end token.
    pub encoder: Encoder,
    files: Vec<PathBuf>,
}

impl Base {
    /// Opens a Hugging Face directory or a GGUF file on `device`.
    ///
    /// With `chat`, prompts are framed by the model's own chat template.
    ///
    /// # Errors
    /// Weights or tokenizer that cannot be read or do not fit each other; a missing template or end token.
    pub fn open(path: &Path, chat: bool, device: &Device) -> Result<Self, TrainError> {
        let LoadedModel { model, config, gguf, files } = d2o_model::load(path, device)?;
        let (tokenizer, template) = match gguf {
            Some(vocabulary) => from_gguf(vocabulary)?,
            None => {
                let tokenizer = TextTokenizer::from_dir(path)?;
                let template = ChatTemplate::from_dir(path)?;
                (tokenizer, template)
            }
        };
        let (tokens, embedding) = (tokenizer.vocab_size(), config.vocab_size);
        if tokens > embedding {
            return Err(TrainError::TokenizerMismatch { path: path.to_path_buf(), tokens, embedding });
        }
        let end = tokenizer
            .eos()
            .or_else(|| config.eos_token_ids().first().copied())
            .ok_or_else(|| TrainError::NoEndToken { path: path.to_path_buf() })?;
        let template = match (chat, template) {
            (true, None) => return Err(TrainError::NoChatTemplate { path: path.to_path_buf() }),
            (true, template) => template,
            (false, _) => None,
        };
        Ok(Self {
            path: path.to_path_buf(),
            model,
            config,
            encoder: Encoder::new(tokenizer, template, end),
            files,
        })
    }

    /// Fingerprints of weights, tokenizer and template.
    ///
    /// # Errors
    /// [`TrainError::Io`] if a weight file cannot be read again.
    pub fn origins(&self) -> Result<Origins, TrainError> {
        let digests = self.files.iter().map(|file| durable::sha256_file(file)).collect::<Result<Vec<_>, _>>()?;
        let template = self.encoder.template().map_or_else(|| "none".to_owned(), ChatTemplate::fingerprint);
        Ok(Origins::from([
            ("model".to_owned(), durable::sha256(digests.concat().as_bytes())),
            ("tokenizer".to_owned(), self.encoder.tokenizer().fingerprint()),
            ("template".to_owned(), template),
        ]))
    }

    /// The model's context length in tokens.
    pub fn context(&self) -> usize {
        self.config.max_position_embeddings
    }
}
