//! From texts to token ids with a known boundary between prompt and response.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::error::DataError;
use crate::sample::Prompt;
use crate::template::ChatTemplate;
use crate::tokenizer::TextTokenizer;

/// Token ids of a prompt and a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// All ids.
    pub ids: Vec<u32>,
    /// How many of them are the prompt's.
    pub prompt_len: usize,
}

impl Sequence {
    /// The prompt's ids.
    pub fn prompt(&self) -> &[u32] {
        &self.ids[..self.prompt_len]
    }

    /// The response's ids.
    pub fn response(&self) -> &[u32] {
        &self.ids[self.prompt_len..]
    }
}

/// Token limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Prompts beyond this are not cut: the caller drops them.
    pub max_prompt_tokens: usize,
    /// Responses beyond this are cut and lose their end token.
    pub max_response_tokens: usize,
}

/// A tokenizer with the model's template and end token.
#[derive(Clone)]
pub struct Encoder {
    tokenizer: TextTokenizer,
    template: Option<ChatTemplate>,
    end_token: u32,
}

impl Encoder {
    /// An encoder; without a template, prompts are plain text.
    pub fn new(tokenizer: TextTokenizer, template: Option<ChatTemplate>, end_token: u32) -> Self {
        Self { tokenizer, template, end_token }
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The chat template, where prompts are framed.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// The token that ends a response.
    pub fn end_token(&self) -> u32 {
        self.end_token
    }

    /// A prompt's ids: framed by the template up to where the answer begins, or plain without special tokens.
    ///
    /// # Errors
    /// [`DataError::Template`]; [`DataError::EmptyPrompt`].
    pub fn prompt_ids(&self, prompt: &Prompt) -> Result<Vec<u32>, DataError> {
        let ids = self.tokenizer.encode(&self.prompt_text(prompt)?);
        if ids.is_empty() { Err(DataError::EmptyPrompt) } else { Ok(ids) }
    }

    pub(crate) fn prompt_text(&self, prompt: &Prompt) -> Result<String, DataError> {
        match &self.template {
            Some(template) => template.render(&prompt.messages(), true),
            None => Ok(prompt.text()),
        }
    }

    /// A response's ids, encoded apart from the prompt, with the end token.
    pub fn response_ids(&self, response: &str) -> Vec<u32> {
        let mut ids = self.tokenizer.encode(response);
        if ids.last() != Some(&self.end_token) {
            ids.push(self.end_token);
        }
        ids
    }

    /// Prompt and response, the response cut to its limit; the flag says whether it was.
    ///
    /// # Errors
    /// As [`prompt_ids`](Self::prompt_ids).
    pub fn sequence(&self, prompt: &Prompt, response: &str, limits: &Limits) -> Result<(Sequence, bool), DataError> {
        let mut ids = self.prompt_ids(prompt)?;
        let prompt_len = ids.len();
        let mut response = self.response_ids(response);
        let cut = response.len() > limits.max_response_tokens;
        response.truncate(limits.max_response_tokens);
        ids.extend(response);
        Ok((Sequence { ids, prompt_len }, cut))
    }

    /// Writes tokenizer and template beside an exported model: the original files where there are some.
    ///
    /// # Errors
    /// [`DataError::Io`] naming the file.
    pub fn save(&self, dir: &Path) -> Result<(), DataError> {
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.join(name);
            fs::write(&path, bytes).map_err(|source| DataError::Io { path, source })
        };
        if let Some(source) = self.tokenizer.source() {
            for name in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "generation_config.json"] {
                let from = source.join(name);
                if from.exists() {
                    let bytes = fs::read(&from).map_err(|error| DataError::Io { path: from.clone(), source: error })?;
                    write(name, &bytes)?;
                }
            }
            return Ok(());
        }
        write("tokenizer.json", self.tokenizer.to_json()?.as_bytes())?;
        let text = |id: Option<u32>| id.and_then(|id| self.tokenizer.token(id));
        let config = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": self.tokenizer.token(self.end_token),
            "bos_token": text(self.tokenizer.bos()),
            "clean_up_tokenization_spaces": false,
            "chat_template": self.template.as_ref().map(ChatTemplate::source),
        });
        let bytes = serde_json::to_vec_pretty(&config).unwrap_or_default();
        write("tokenizer_config.json", &bytes)?;
        if let Some(template) = &self.template {
            write("chat_template.jinja", template.source().as_bytes())?;
        }
        let generation = json!({"eos_token_id": self.end_token, "bos_token_id": self.tokenizer.bos()});
        write("generation_config.json", &serde_json::to_vec_pretty(&generation).unwrap_or_default())
    }
}
