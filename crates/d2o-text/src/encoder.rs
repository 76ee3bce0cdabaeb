//! From texts to token ids with a known boundary between prompt and response.

use crate::error::TextError;
use crate::message::Prompt;
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

/// Tokens of a prompt and a response, before anything is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The prompt as the template frames it.
    pub prompt_text: String,
    /// Its ids.
    pub prompt: Vec<u32>,
    /// Ids of the response, without an end token.
    pub response: Vec<u32>,
}

/// A tokenizer with the model's chat template and end token; clones share the tokenizer.
#[derive(Clone)]
pub struct Encoder {
    tokenizer: TextTokenizer,
    template: Option<ChatTemplate>,
    /// The one that ends a response first, then the others with which the model may end one.
    end_tokens: Vec<u32>,
}

impl Encoder {
    /// An encoder; without a template, prompts are plain text.
    ///
    /// `end_token` ends every response: for a chat model the token that ends a turn
    /// ([`ChatTemplate::end_of_turn`]), else the end of the sequence ([`TextTokenizer::eos`]).
    pub fn new(tokenizer: TextTokenizer, template: Option<ChatTemplate>, end_token: u32) -> Self {
        Self { tokenizer, template, end_tokens: vec![end_token] }
    }

    /// The same encoder for a model that may end its answers with any of `ids` as well.
    #[must_use]
    pub fn with_end_tokens(mut self, ids: impl IntoIterator<Item = u32>) -> Self {
        for id in ids {
            if !self.end_tokens.contains(&id) {
                self.end_tokens.push(id);
            }
        }
        self
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

    /// The token that is put behind a response.
    pub fn end_token(&self) -> u32 {
        self.end_tokens[0]
    }

    /// The tokens with which the model ends its answers: [`end_token`](Self::end_token) first.
    pub fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    fn has_ended(&self, response: &[u32]) -> bool {
        response.last().is_some_and(|last| self.end_tokens.contains(last))
    }

    /// A prompt's ids: framed by the template up to where the answer begins, or plain without special tokens.
    ///
    /// Without a template, several turns become lines `role: content` with `assistant:` on the last.
    ///
    /// # Errors
    /// [`TextError::Template`] if the template refuses the turns; [`TextError::EmptyPrompt`].
    pub fn prompt_ids(&self, prompt: &Prompt) -> Result<Vec<u32>, TextError> {
        self.text_ids(&self.prompt_text(prompt)?)
    }

    fn text_ids(&self, prompt: &str) -> Result<Vec<u32>, TextError> {
        let ids = self.tokenizer.encode(prompt);
        if ids.is_empty() { Err(TextError::EmptyPrompt) } else { Ok(ids) }
    }

    fn prompt_text(&self, prompt: &Prompt) -> Result<String, TextError> {
        match (&self.template, prompt) {
            (Some(template), prompt) => template.render(&prompt.messages(), true),
            (None, Prompt::Messages(turns)) if turns.len() > 1 => Ok(prompt.text() + PLAIN_ANSWER),
            (None, prompt) => Ok(prompt.text()),
        }
    }

    /// A response's ids, encoded apart from the prompt, with the end token behind them unless the text ends with a
    /// token that ends an answer.
    pub fn response_ids(&self, response: &str) -> Vec<u32> {
        self.ended(self.tokenizer.encode(response))
    }

    /// Ids of a response, cut to the limit; the flag says whether they were.
    pub fn response(&self, response: Vec<u32>, limits: &Limits) -> (Vec<u32>, bool) {
        let mut ids = self.ended(response);
        let cut = ids.len() > limits.max_response_tokens;
        ids.truncate(limits.max_response_tokens);
        (ids, cut)
    }

    /// Tokens of a response with its end token.
    pub fn response_len(&self, response: &[u32]) -> usize {
        response.len() + usize::from(!self.has_ended(response))
    }

    fn ended(&self, mut ids: Vec<u32>) -> Vec<u32> {
        if !self.has_ended(&ids) {
            ids.push(self.end_token());
        }
        ids
    }

    /// Prompt and response: the prompt rendered once, each text tokenised once.
    ///
    /// # Errors
    /// As [`prompt_ids`](Self::prompt_ids).
    pub fn tokenize(&self, prompt: &Prompt, response: &str) -> Result<Tokens, TextError> {
        let prompt_text = self.prompt_text(prompt)?;
        let prompt = self.text_ids(&prompt_text)?;
        Ok(Tokens { prompt_text, prompt, response: self.tokenizer.encode(response) })
    }

    /// Prompt and response, the response cut to its limit; the flag says whether it was.
    ///
    /// # Errors
    /// As [`prompt_ids`](Self::prompt_ids).
    pub fn sequence(&self, prompt: &Prompt, response: &str, limits: &Limits) -> Result<(Sequence, bool), TextError> {
        let mut ids = self.prompt_ids(prompt)?;
        let prompt_len = ids.len();
        let (response, cut) = self.response(self.tokenizer.encode(response), limits);
        ids.extend(response);
        Ok((Sequence { ids, prompt_len }, cut))
    }
}
