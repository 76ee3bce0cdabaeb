//! The vocabulary that a GGUF file carries.

use super::reader::GgufFile;
use super::value::Value;
use super::writer::Metadata;
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
    /// End of a turn, where it is another token than the end of the sequence.
    pub eot: Option<u32>,
    /// Unknown token.
    pub unk: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Whether encoding puts `bos` first; SentencePiece vocabularies do so unless the file says otherwise.
    pub add_bos: bool,
    /// The chat template.
    pub chat_template: Option<String>,
}

/// A token that no text becomes.
const UNUSED: i32 = 5;
/// An ordinary token.
const NORMAL: i32 = 1;

impl Vocabulary {
    /// Puts the vocabulary into `metadata`, filled up to the embedding's `rows` as llama.cpp demands.
    pub(super) fn describe(&self, metadata: &mut Metadata, rows: usize) -> Result<(), String> {
        let spare = rows.checked_sub(self.tokens.len()).ok_or_else(|| {
            format!("the tokenizer has {} tokens, the model's embedding {rows} rows", self.tokens.len())
        })?;
        let padding: Vec<String> = (self.tokens.len()..rows).map(|id| format!("[PAD{id}]")).collect();
        let tokens: Vec<&str> = self.tokens.iter().chain(&padding).map(String::as_str).collect();
        let mut types = self.token_types.clone();
        types.resize(self.tokens.len(), NORMAL);
        types.extend(std::iter::repeat_n(UNUSED, spare));
        metadata.text("tokenizer.ggml.model", &self.model);
        metadata.text("tokenizer.ggml.pre", &self.pre);
        metadata.texts("tokenizer.ggml.tokens", tokens.into_iter());
        metadata.i32s("tokenizer.ggml.token_type", &types);
        metadata.texts("tokenizer.ggml.merges", self.merges.iter().map(String::as_str));
        let ids =
            [("bos", self.bos), ("eos", self.eos), ("eot", self.eot), ("unknown", self.unk), ("padding", self.pad)];
        for (kind, id) in ids {
            if let Some(id) = id {
                metadata.u32(&format!("tokenizer.ggml.{kind}_token_id"), id);
            }
        }
        metadata.bool("tokenizer.ggml.add_bos_token", self.add_bos);
        if let Some(template) = &self.chat_template {
            metadata.text("tokenizer.chat_template", template);
        }
        Ok(())
    }
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
            eot: id("eot")?,
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
