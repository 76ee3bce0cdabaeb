//! From texts to token ids with a known boundary between prompt and response.

use crate::error::DataError;
use crate::sample::Prompt;
use crate::template::ChatTemplate;
use crate::tokenizer::TextTokenizer;

/// What begins the answer behind several turns when no template frames them.
const PLAIN_ANSWER: &str = "\nassistant:\n";

/// Token ids of a prompt and a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// All ids.
    pub ids: Vec<u32>,
    /// How many of them, from the first, are the prompt's.
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
    /// Most tokens of a prompt. Longer prompts are not cut, as a cut question is another question: the
    /// lint counts them and the caller leaves them out.
    pub max_prompt_tokens: usize,
    /// Most tokens of a response, its end token included. Longer ones are cut and have no end token.
    pub max_response_tokens: usize,
}

/// A tokenizer with the model's chat template and end token; clones share the tokenizer.
#[derive(Clone)]
pub struct Encoder {
    tokenizer: TextTokenizer,
    template: Option<ChatTemplate>,
    end_token: u32,
}

impl Encoder {
    /// An encoder; without a template, prompts are plain text.
    ///
    /// `end_token` ends every response: for a chat model the token that ends a turn
    /// ([`ChatTemplate::end_of_turn`]), else the end of the sequence ([`TextTokenizer::eos`]).
    pub fn new(tokenizer: TextTokenizer, template: Option<ChatTemplate>, end_token: u32) -> Self {
        Self { tokenizer, template, end_token }
    }

    /// The same encoder for plain text.
    #[must_use]
    pub fn without_template(self) -> Self {
        Self { template: None, ..self }
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
    /// Without a template, several turns become lines `role: content` with `assistant:` on the last.
    ///
    /// # Errors
    /// [`DataError::Template`] if the template refuses the turns; [`DataError::EmptyPrompt`].
    pub fn prompt_ids(&self, prompt: &Prompt) -> Result<Vec<u32>, DataError> {
        let ids = self.tokenizer.encode(&self.prompt_text(prompt)?);
        if ids.is_empty() { Err(DataError::EmptyPrompt) } else { Ok(ids) }
    }

    pub(crate) fn prompt_text(&self, prompt: &Prompt) -> Result<String, DataError> {
        match (&self.template, prompt) {
            (Some(template), prompt) => template.render(&prompt.messages(), true),
            (None, Prompt::Messages(turns)) if turns.len() > 1 => Ok(prompt.text() + PLAIN_ANSWER),
            (None, prompt) => Ok(prompt.text()),
        }
    }

    /// A response's ids, encoded apart from the prompt, with the end token behind them.
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
        let response = self.response_ids(response);
        let kept = response.len().min(limits.max_response_tokens);
        ids.extend(&response[..kept]);
        Ok((Sequence { ids, prompt_len }, kept < response.len()))
    }
}
