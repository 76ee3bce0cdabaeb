//! A model that is opened: weights, tokenizer and template, with their fingerprints.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use d2o_model::gguf::Vocabulary;
use d2o_model::{CausalLm, LoadedAdapter, LoadedModel, ModelConfig};
use d2o_text::{ChatTemplate, Encoder, TextTokenizer};

use d2o_record::digest;

use crate::error::GenerateError;
use crate::origins::Origins;

/// A frozen model with everything that frames text for it: tokenizer, chat template, end token.
pub struct LanguageModel {
    /// Where it was read from.
    pub path: PathBuf,
    /// The weights, untracked.
    pub model: CausalLm,
    /// Its architecture.
    pub config: ModelConfig,
    /// Its tokenizer, template and end token.
    pub encoder: Encoder,
    /// What is odd about the model and was understood nevertheless, to be told to the user.
    pub warnings: Vec<String>,
    files: Vec<PathBuf>,
    /// Whether the end tokens follow from tokenizer and template, and so from their fingerprints.
    usual_ends: bool,
    /// With adapters beside the weights, where they were folded in afterwards.
    adapted: Option<CausalLm>,
}

impl LanguageModel {
    /// Opens a Hugging Face directory or a GGUF file on `device`.
    ///
    /// With `chat`, prompts are framed by the model's own chat template; without, they are plain text.
    ///
    /// # Errors
    /// Weights or tokenizer that cannot be read or do not fit each other; a missing template or end token.
    pub fn open(path: &Path, chat: bool, device: &Device) -> Result<Self, GenerateError> {
        let mut base = Self::open_with_template(path, device)?;
        if !chat {
            base.encoder = base.encoder.without_template();
        } else if base.encoder.template().is_none() {
            return Err(GenerateError::NoChatTemplate { path: path.to_path_buf() });
        }
        Ok(base)
    }

    /// The same with the model's template if it has one.
    ///
    /// # Errors
    /// As [`open`](Self::open), a missing template aside.
    pub fn open_with_template(path: &Path, device: &Device) -> Result<Self, GenerateError> {
        if d2o_model::is_adapter(path) {
            let base = d2o_model::named_base(path);
            return Err(GenerateError::AdapterAlone { path: path.to_path_buf(), base });
        }
        let LoadedModel { model, config, gguf, end_tokens, files, mut warnings } = d2o_model::load(path, device)?;
        if path.is_dir() && d2o_model::has_adapter(path) {
            warnings.push(beside(path));
        }
        let (tokenizer, template) = match gguf {
            Some(vocabulary) => {
                let template = ChatTemplate::from_gguf(&vocabulary)?;
                (TextTokenizer::from_gguf(&files[0], &vocabulary)?, template)
            }
            None => (TextTokenizer::from_dir(path)?, ChatTemplate::from_dir(path)?),
        };
        let (tokens, embedding) = (tokenizer.vocab_size(), config.vocab_size);
        if tokens > embedding {
            return Err(GenerateError::TokenizerMismatch { path: path.to_path_buf(), tokens, embedding });
        }
        // A base model's end of text need not be what its template ends a turn with.
        let turn = template.as_ref().and_then(|template| template.end_of_turn(&tokenizer));
        let usual = turn.or_else(|| tokenizer.eos());
        let end = usual
            .or_else(|| end_tokens.first().copied())
            .ok_or_else(|| GenerateError::NoEndToken { path: path.to_path_buf() })?;
        let encoder = Encoder::new(tokenizer, template, end).with_end_tokens(end_tokens);
        let usual_ends = usual.is_some_and(|end| encoder.end_tokens() == [end]);
        let path = path.to_path_buf();
        Ok(Self { path, model, config, encoder, warnings, files, usual_ends, adapted: None })
    }

    /// The same with the adapters of a PEFT directory beside its weights.
    ///
    /// # Errors
    /// Adapters that cannot be read, or belong to another base.
    pub fn with_adapter(mut self, dir: &Path) -> Result<Self, GenerateError> {
        let LoadedAdapter { model, files, warnings, .. } = d2o_model::load_adapter(&self.model, dir)?;
        self.model = model;
        self.files.extend(files);
        if dir == self.path {
            let named = beside(dir);
            self.warnings.retain(|warning| *warning != named);
        }
        self.warnings.extend(warnings);
        Ok(self)
    }

    /// The same with adapters folded into the weights.
    #[must_use]
    pub fn merged(mut self) -> Self {
        if self.model.has_adapters() {
            let merged = self.model.merge_adapters();
            self.adapted = Some(std::mem::replace(&mut self.model, merged));
        }
        self
    }

    /// The weights with the adapters beside them that [`merged`](Self::merged) folded in, if there were any.
    pub fn adapted(&self) -> Option<&CausalLm> {
        self.adapted.as_ref()
    }

    /// Tokenizer and template as a GGUF file holds them.
    ///
    /// # Errors
    /// A tokenizer that has no form there.
    pub fn vocabulary(&self) -> Result<Vocabulary, GenerateError> {
        Ok(self.encoder.to_gguf()?)
    }

    /// Fingerprints of weights, tokenizer and template, and of the end tokens where these do not tell them.
    ///
    /// # Errors
    /// [`GenerateError::File`] if a weight file cannot be read again.
    pub fn origins(&self) -> Result<Origins, GenerateError> {
        let digests = self.files.iter().map(|file| digest::sha256_file(file)).collect::<Result<Vec<_>, _>>()?;
        let template = self.encoder.template().map_or_else(|| "none".to_owned(), ChatTemplate::fingerprint);
        let mut origins = Origins::from([
            ("model".to_owned(), digest::sha256(digests.concat().as_bytes())),
            ("tokenizer".to_owned(), self.encoder.tokenizer().fingerprint()),
            ("template".to_owned(), template),
        ]);
        if !self.usual_ends {
            origins.insert("set of end tokens".to_owned(), format!("{:?}", self.encoder.end_tokens()));
        }
        Ok(origins)
    }

    /// The model's context length in tokens.
    pub fn context(&self) -> usize {
        self.config.max_position_embeddings
    }
}

/// That an adapter lies beside a model, which is read without it.
fn beside(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "{dir}: an adapter lies beside the model (adapter_config.json) and is not used; --adapter {dir} puts it on top"
    )
}
