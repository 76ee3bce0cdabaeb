//! The vocabulary that a GGUF file carries.

use super::reader::GgufFile;
use super::value::Value;
use crate::error::ModelError;

/// The vocabulary that a GGUF file carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// Kind of tokenizer: `gpt2` is byte-level BPE, `llama` SentencePiece.
    pub model: String,
    /// Name of the pre-tokenizer, such as `smollm`; `default` if the file names none.
    pub pre: String,
    /// Token texts, by id.
    pub tokens: Vec<String>,
    /// Token types, by id: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. Empty if the
    /// file has none.
    pub token_types: Vec<i32>,
    /// Merges, two token texts with a space between them, the first to be applied first.
    pub merges: Vec<String>,
    /// Beginning of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// Unknown token.
    pub unk: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Whether encoding puts `bos` first; SentencePiece vocabularies do so unless the file says otherwise.
    pub add_bos: bool,
    /// The chat template.
    pub chat_template: Option<String>,
}

impl GgufFile {
    /// The vocabulary and the chat template.
    ///
    /// # Errors
    /// [`ModelError::GgufMetadata`] if the file has none, or if a part of it is of another type, too long or
    /// points outside it.
    pub fn vocabulary(&self) -> Result<Vocabulary, ModelError> {
        let texts = |value: &Value| value.as_texts().map(<[String]>::to_vec);
        let text = |value: &Value| value.as_text().map(str::to_owned);
        let model = self.required("tokenizer.ggml.model", "text", text)?;
        let tokens = self.required("tokenizer.ggml.tokens", "a list of texts", texts)?;
        let id = |kind: &str| {
            let expected = format!("the id of one of {} tokens", tokens.len());
            let inside = |value: &Value| value.as_size().filter(|&id| id < tokens.len())?.try_into().ok();
            self.optional(&format!("tokenizer.ggml.{kind}_token_id"), &expected, inside)
        };
        Ok(Vocabulary {
            pre: self.optional("tokenizer.ggml.pre", "text", text)?.unwrap_or_else(|| "default".to_owned()),
            token_types: self.token_types(tokens.len())?,
            merges: self.optional("tokenizer.ggml.merges", "a list of texts", texts)?.unwrap_or_default(),
            bos: id("bos")?,
            eos: id("eos")?,
            unk: id("unknown")?,
            pad: id("padding")?,
            add_bos: self
                .optional("tokenizer.ggml.add_bos_token", "a truth value", Value::as_bool)?
                .unwrap_or(model == "llama"),
            chat_template: self.optional("tokenizer.chat_template", "text", text)?,
            model,
            tokens,
        })
    }

    fn token_types(&self, tokens: usize) -> Result<Vec<i32>, ModelError> {
        let expected = format!("a list of {tokens} small integers, one for each token");
        let types = |value: &Value| -> Option<Vec<i32>> {
            let types = value.as_integers().filter(|types| types.len() == tokens)?;
            types.into_iter().map(|kind| i32::try_from(kind).ok()).collect()
        };
        Ok(self.optional("tokenizer.ggml.token_type", &expected, types)?.unwrap_or_default())
    }
}
