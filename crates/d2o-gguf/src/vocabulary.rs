//! The vocabulary that a GGUF file carries.

use crate::error::GgufError;
use crate::metadata::Metadata;
use crate::reader::GgufFile;
use crate::value::Value;

/// The vocabulary that a GGUF file carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vocabulary {
    /// Kind of tokenizer: `gpt2` is byte-level BPE, `llama` SentencePiece.
    pub model: String,
    /// Name of the pre-tokenizer, such as `smollm`; `default` if the file names none.
    pub pre: String,
    /// Token texts, by id.
    pub tokens: Vec<String>,
    /// Token types, by id, of [`token_type`]; empty if the file has none.
    pub token_types: Vec<i32>,
    /// Merges, two token texts with a space between them, the first to be applied first.
    pub merges: Vec<String>,
    /// Beginning of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// End of a turn, where it is another token than the end of the sequence.
    pub eot: Option<u32>,
    /// End of a message that goes on in another one, such as a call of a tool.
    pub eom: Option<u32>,
    /// Unknown token.
    pub unk: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Whether encoding puts `bos` first; SentencePiece vocabularies do so unless the file says otherwise.
    pub add_bos: bool,
    /// The chat template.
    pub chat_template: Option<String>,
}

/// Kinds of tokens, as [`Vocabulary::token_types`] has them.
pub mod token_type {
    /// An ordinary token.
    pub const NORMAL: i32 = 1;
    /// What stands for a text that has no token.
    pub const UNKNOWN: i32 = 2;
    /// A token of the model's own, such as the end of a sequence.
    pub const CONTROL: i32 = 3;
    /// A token that is found in a text before it is split.
    pub const USER_DEFINED: i32 = 4;
    /// A token that no text becomes.
    pub const UNUSED: i32 = 5;
    /// One byte.
    pub const BYTE: i32 = 6;
}

impl Vocabulary {
    /// The tokens that end an answer, each once: end of sequence, of a turn, of a message.
    pub fn end_tokens(&self) -> Vec<u32> {
        let mut ends = Vec::new();
        for id in [self.eos, self.eot, self.eom].into_iter().flatten() {
            if !ends.contains(&id) {
                ends.push(id);
            }
        }
        ends
    }

    /// The same with a token for each of the embedding's `rows`, as llama.cpp demands: those that are added are
    /// unused. `None` if there are more tokens than rows.
    pub fn padded(&self, rows: usize) -> Option<Self> {
        let spare = rows.checked_sub(self.tokens.len())?;
        let mut padded = self.clone();
        padded.tokens.extend((self.tokens.len()..rows).map(|id| format!("[PAD{id}]")));
        padded.token_types.resize(self.tokens.len(), token_type::NORMAL);
        padded.token_types.extend(std::iter::repeat_n(token_type::UNUSED, spare));
        Some(padded)
    }
}

impl Metadata {
    /// Adds a vocabulary and its chat template.
    pub fn vocabulary(&mut self, vocabulary: &Vocabulary) {
        let mut types = vocabulary.token_types.clone();
        types.resize(vocabulary.tokens.len(), token_type::NORMAL);
        self.text("tokenizer.ggml.model", &vocabulary.model);
        self.text("tokenizer.ggml.pre", &vocabulary.pre);
        self.texts("tokenizer.ggml.tokens", &vocabulary.tokens);
        self.i32s("tokenizer.ggml.token_type", &types);
        self.texts("tokenizer.ggml.merges", &vocabulary.merges);
        let Vocabulary { bos, eos, eot, eom, unk, pad, .. } = *vocabulary;
        let ids = [("bos", bos), ("eos", eos), ("eot", eot), ("eom", eom), ("unknown", unk), ("padding", pad)];
        for (kind, id) in ids {
            if let Some(id) = id {
                self.u32(&format!("tokenizer.ggml.{kind}_token_id"), id);
            }
        }
        self.bool("tokenizer.ggml.add_bos_token", vocabulary.add_bos);
        if let Some(template) = &vocabulary.chat_template {
            self.text("tokenizer.chat_template", template);
        }
    }
}

impl GgufFile {
    /// The vocabulary and the chat template.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] if the file has none, or if a part of it is of another type, too long or
    /// points outside it.
    pub fn vocabulary(&self) -> Result<Vocabulary, GgufError> {
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
            eom: id("eom")?,
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

    fn token_types(&self, tokens: usize) -> Result<Vec<i32>, GgufError> {
        let expected = format!("a list of {tokens} small integers, one for each token");
        let types = |value: &Value| -> Option<Vec<i32>> {
            let types = value.as_integers().filter(|types| types.len() == tokens)?;
            types.into_iter().map(|kind| i32::try_from(kind).ok()).collect()
        };
        Ok(self.optional("tokenizer.ggml.token_type", &expected, types)?.unwrap_or_default())
    }
}
