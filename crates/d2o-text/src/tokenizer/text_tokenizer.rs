//! A tokenizer as the rest of the crate sees it: text to ids and back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tokenizers::{AddedToken, Tokenizer};

use super::config::tokenizer_error;
use super::special_tokens::named_token;
use crate::contained::contained;
use crate::error::TextError;
use crate::fingerprint::Fingerprint;

/// Text of many scripts, to find out at the start whether a tokenizer can encode at all.
const PROBE: &str = "a B\t1\n\u{e9}\u{4e2d}\u{1f600}\u{fffd}";

/// Tokenizers that transformers converts: SentencePiece, Mistral's, tiktoken's, GPT-2's and BERT's files.
const OTHER_FORMS: [&str; 8] = [
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model.v3",
    "tekken.json",
    "tokenizer.tiktoken",
    "vocab.json",
    "vocab.txt",
];

/// A tokenizer with its end and begin tokens; clones share it.
#[derive(Clone)]
pub struct TextTokenizer {
    inner: Arc<Tokenizer>,
    /// The same tokenizer, blind for special tokens in the text.
    literal: Arc<OnceLock<Tokenizer>>,
    /// Tokens that plain text never becomes, unless it spells them out.
    special: Arc<[AddedToken]>,
    vocab_size: usize,
    eos: Option<u32>,
    bos: Option<u32>,
    /// Where its files can be copied from, if it was read from a directory.
    source: Option<PathBuf>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json` of a Hugging Face directory, and the end and begin tokens from
    /// `tokenizer_config.json` or `special_tokens_map.json` where these exist.
    ///
    /// # Errors
    /// [`TextError::NoTokenizer`] for a directory that has a tokenizer in another form or none;
    /// [`TextError::Tokenizer`] naming the file, also if an end or begin token is not in the vocabulary.
    pub fn from_dir(dir: &Path) -> Result<Self, TextError> {
        let path = dir.join("tokenizer.json");
        if !path.exists() {
            let beside = OTHER_FORMS.into_iter().find(|name| dir.join(name).exists()).map(str::to_owned);
            return Err(TextError::NoTokenizer { dir: dir.to_path_buf(), beside });
        }
        let bytes = fs::read(&path).map_err(|source| TextError::io(&path, source))?;
        let mut tokenizer = Self::parse(&path, &bytes)?;
        tokenizer.eos = tokenizer.named(dir, "eos_token")?;
        tokenizer.bos = tokenizer.named(dir, "bos_token")?;
        tokenizer.source = Some(dir.to_path_buf());
        Ok(tokenizer)
    }

    /// Reads the bytes of a `tokenizer.json`; end and begin tokens stay unknown.
    ///
    /// # Errors
    /// [`TextError::Tokenizer`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TextError> {
        Self::parse(Path::new("tokenizer.json"), bytes)
    }

    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, TextError> {
        let wrong = |error: tokenizers::Error| tokenizer_error(path, error.to_string());
        let read = || {
            let mut inner = Tokenizer::from_bytes(bytes)?;
            // Some files carry the lengths of their last training run.
            inner.with_truncation(None)?;
            inner.with_padding(None);
            inner.encode_fast(PROBE, false)?;
            Ok(inner)
        };
        // The library panics on some damaged files.
        let inner = contained(read).map_err(|panic| tokenizer_error(path, panic))?.map_err(wrong)?;
        let vocab_size = inner.get_vocab(true).values().max().map_or(0, |&id| id as usize + 1);
        let special = inner.get_added_tokens_decoder().into_values().filter(|token| token.special).collect();
        let literal = Arc::default();
        Ok(Self { inner: Arc::new(inner), literal, special, vocab_size, eos: None, bos: None, source: None })
    }

    /// The same tokenizer with other end and begin tokens.
    pub fn with_ends(self, eos: Option<u32>, bos: Option<u32>) -> Self {
        Self { eos, bos, ..self }
    }

    fn named(&self, dir: &Path, key: &str) -> Result<Option<u32>, TextError> {
        let Some(text) = named_token(dir, key)? else { return Ok(None) };
        let id = self.inner.token_to_id(&text);
        let reason = || format!("`{key}` is `{text}`, which is not in the vocabulary");
        Ok(Some(id.ok_or_else(|| tokenizer_error(&dir.join("tokenizer.json"), reason()))?))
    }

    /// Token ids of `text`. No special token is added; special tokens that the text spells out become
    /// their ids, as in Hugging Face's tokenizers.
    ///
    /// # Panics
    /// If the tokenizer's own model is inconsistent in a way that construction did not find.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        ids(&self.inner, text)
    }

    /// Token ids of `text` from a stranger: special tokens that it spells out stay ordinary text.
    ///
    /// # Panics
    /// As [`encode`](Self::encode).
    pub fn encode_untrusted(&self, text: &str) -> Vec<u32> {
        let literal = self.literal.get_or_init(|| {
            let mut tokenizer = Tokenizer::clone(&self.inner);
            tokenizer.set_encode_special_tokens(true);
            tokenizer
        });
        ids(literal, text)
    }

    /// Whether `text` spells out a special token, so that [`encode`](Self::encode) and
    /// [`encode_untrusted`](Self::encode_untrusted) differ.
    pub fn spells_special(&self, text: &str) -> bool {
        let may = self.special.iter().any(|token| token.normalized || text.contains(&token.content));
        may && self.encode(text) != self.encode_untrusted(text)
    }

    /// The text of token ids; ids beyond the vocabulary are left out.
    ///
    /// # Panics
    /// If the tokenizer's decoder is inconsistent.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        self.inner.decode(ids, skip_special).expect("a decoder that was built decodes")
    }

    /// One more than the highest id, added tokens included.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The id of a token's exact text.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The exact text of a token.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The end-of-sequence token.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// The begin-of-sequence token.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The whole tokenizer as `tokenizer.json`.
    ///
    /// # Errors
    /// [`TextError::Tokenizer`] if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, TextError> {
        let json = self.inner.to_string(true);
        json.map_err(|error| tokenizer_error(Path::new("tokenizer.json"), error.to_string()))
    }

    /// Hexadecimal SHA-256 of everything that decides ids and texts: vocabulary, merges, normalizer,
    /// pre-tokenizer, decoder, end and begin tokens. The order of keys in a file does not count.
    pub fn fingerprint(&self) -> String {
        let json = self.to_json().unwrap_or_default();
        let content: Value = serde_json::from_str(&json).unwrap_or_default();
        Fingerprint::default().json(&content).text(&format!("{:?} {:?}", self.eos, self.bos)).finish()
    }

    /// The directory that it was read from.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }
}

fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    #[cfg(feature = "counted")]
    crate::work::tokenized(text);
    let encoding = tokenizer.encode_fast(text, false).expect("a tokenizer that encoded the probe encodes");
    encoding.get_ids().to_vec()
}
