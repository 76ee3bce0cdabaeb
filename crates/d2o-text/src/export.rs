//! Tokenizer and template as files beside an exported model.

use std::fs;
use std::path::Path;

use d2o_record::durable;
use serde_json::{Value, json};

use crate::encoder::Encoder;
use crate::error::TextError;
use crate::template::{ChatTemplate, source_in_dir, with_line_feeds};
use crate::tokenizer::tokenizer_error;

/// What a Hugging Face directory may say about tokens and generation.
const FILES: [&str; 5] =
    ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", GENERATION];

/// How a model is to be decoded.
const GENERATION: &str = "generation_config.json";

impl Encoder {
    /// Writes tokenizer and template into `dir`, which exists: the files of the directory that the
    /// tokenizer came from, or Hugging Face's files made anew for one from a GGUF vocabulary. A directory that
    /// says nothing about generation gets a file with its end tokens.
    ///
    /// # Errors
    /// [`TextError::Io`] naming the file.
    pub fn save(&self, dir: &Path) -> Result<(), TextError> {
        let source = self.tokenizer().source();
        match source {
            Some(source) => {
                copy(source, dir)?;
                self.write_template_from_elsewhere(dir)?;
            }
            None => self.write(dir)?,
        }
        if source.is_some_and(|source| source.join(GENERATION).exists()) {
            return Ok(());
        }
        let ends = match self.end_tokens() {
            [only] => json!(only),
            several => json!(several),
        };
        let generation = json!({"eos_token_id": ends, "bos_token_id": self.tokenizer().bos()});
        write_json(&dir.join(GENERATION), &generation)
    }

    /// The template, where it lay in a file that is not copied.
    fn write_template_from_elsewhere(&self, dir: &Path) -> Result<(), TextError> {
        let Some(template) = self.template() else { return Ok(()) };
        let copied = source_in_dir(dir).ok().flatten();
        if copied.is_some_and(|copied| with_line_feeds(&copied) == template.source()) {
            return Ok(());
        }
        write(&dir.join("chat_template.jinja"), template.source().as_bytes())
    }

    fn write(&self, dir: &Path) -> Result<(), TextError> {
        let tokenizer = self.tokenizer();
        let end = tokenizer.token(self.end_token());
        let bos = tokenizer.bos().and_then(|id| tokenizer.token(id));
        let mut config = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": end,
            "pad_token": end,
            "bos_token": bos,
            "add_bos_token": false,
            "clean_up_tokenization_spaces": false,
        });
        // The template has to see what it sees here, and no more.
        if let Some(template) = self.template() {
            if template.source().contains("pad_token") {
                config["pad_token"] = Value::Null;
            }
            template.tokens().iter().for_each(|(name, text)| config[name] = text.into());
        }
        write(&dir.join("tokenizer.json"), tokenizer.to_json()?.as_bytes())?;
        write_json(&dir.join("tokenizer_config.json"), &config)?;
        match self.template().map(ChatTemplate::source) {
            Some(template) => write(&dir.join("chat_template.jinja"), template.as_bytes()),
            None => Ok(()),
        }
    }
}

fn copy(source: &Path, dir: &Path) -> Result<(), TextError> {
    for name in FILES {
        let from = source.join(name);
        if from.exists() {
            let bytes = fs::read(&from).map_err(|error| TextError::io(&from, error))?;
            write(&dir.join(name), &bytes)?;
        }
    }
    Ok(())
}

fn write_json(path: &Path, value: &Value) -> Result<(), TextError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| tokenizer_error(path, error.to_string()))?;
    write(path, &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TextError> {
    durable::write_whole(path, bytes).map_err(|source| TextError::io(path, source))
}
