//! Tokenizers: a `tokenizer.json`, or one built from a GGUF vocabulary.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use crate::error::DataError;

/// A tokenizer with its end and begin tokens.
#[derive(Clone)]
pub struct TextTokenizer {
    inner: Tokenizer,
    eos: Option<u32>,
    bos: Option<u32>,
    /// What to write beside an exported model, if it was read from a directory.
    source: Option<PathBuf>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json` and, if it is there, `tokenizer_config.json` of a directory.
    ///
    /// # Errors
    /// [`DataError::Tokenizer`] naming the file.
    pub fn from_dir(dir: &Path) -> Result<Self, DataError> {
        let path = dir.join("tokenizer.json");
        let bytes = fs::read(&path).map_err(|source| DataError::Io { path: path.clone(), source })?;
        let mut tokenizer = Self::parse(&path, &bytes)?;
        let config = read_config(dir)?;
        let named = |key: &str| {
            let value = config.get(key)?;
            let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
            tokenizer.inner.token_to_id(text)
        };
        let (eos, bos) = (named("eos_token"), named("bos_token"));
        tokenizer.eos = eos;
        tokenizer.bos = bos;
        tokenizer.source = Some(dir.to_path_buf());
        Ok(tokenizer)
    }

    /// Reads the bytes of a `tokenizer.json`; end and begin tokens stay unknown.
    ///
    /// # Errors
    /// [`DataError::Tokenizer`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DataError> {
        Self::parse(Path::new("tokenizer.json"), bytes)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, DataError> {
        let mut inner = Tokenizer::from_bytes(bytes)
            .map_err(|error| DataError::Tokenizer { path: path.to_path_buf(), reason: error.to_string() })?;
        // Some files carry the settings of the last training run.
        let cut = inner.with_truncation(None).map(|_| ());
        cut.map_err(|error| DataError::Tokenizer { path: path.to_path_buf(), reason: error.to_string() })?;
        inner.with_padding(None);
        Ok(Self { inner, eos: None, bos: None, source: None })
    }

    pub(crate) fn with_ends(self, eos: Option<u32>, bos: Option<u32>) -> Self {
        Self { eos, bos, ..self }
    }

    /// Token ids of `text`. No special token is added; special tokens that the text spells out become their ids.
    ///
    /// # Panics
    /// If the tokenizer's own model is inconsistent.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let encoding = self.inner.encode_fast(text, false).expect("a tokenizer that was built encodes text");
        encoding.get_ids().to_vec()
    }

    /// The text of token ids.
    ///
    /// # Panics
    /// If the tokenizer's decoder is inconsistent.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        self.inner.decode(ids, skip_special).expect("a tokenizer that was built decodes ids")
    }

    /// Number of ids, added tokens included.
    pub fn vocab_size(&self) -> usize {
        let vocabulary = self.inner.get_vocab(true);
        vocabulary.values().max().map_or(0, |&id| id as usize + 1)
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
    /// [`DataError::Tokenizer`] if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, DataError> {
        self.inner
            .to_string(true)
            .map_err(|error| DataError::Tokenizer { path: "tokenizer.json".into(), reason: error.to_string() })
    }

    /// Hexadecimal SHA-256 of vocabulary, merges and everything else that decides the ids.
    pub fn fingerprint(&self) -> String {
        let json = self.inner.to_string(false).unwrap_or_default();
        // A JSON value sorts nothing by itself; the vocabulary's order must not count.
        let mut hasher = Sha256::new();
        hash_sorted(&serde_json::from_str(&json).unwrap_or(Value::Null), &mut hasher);
        hasher.update(format!("{:?}{:?}", self.eos, self.bos));
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The directory that it was read from.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }
}

fn hash_sorted(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            hasher.update([b'{']);
            for key in keys {
                hasher.update(key.as_bytes());
                hasher.update([0]);
                hash_sorted(&fields[key], hasher);
            }
        }
        Value::Array(items) => {
            hasher.update([b'[']);
            items.iter().for_each(|item| hash_sorted(item, hasher));
        }
        other => hasher.update(other.to_string().as_bytes()),
    }
    hasher.update([0xff]);
}

/// `tokenizer_config.json`, or null where there is none.
pub(crate) fn read_config(dir: &Path) -> Result<Value, DataError> {
    let path = dir.join("tokenizer_config.json");
    if !path.exists() {
        return Ok(Value::Null);
    }
    let text = fs::read_to_string(&path).map_err(|source| DataError::Io { path: path.clone(), source })?;
    serde_json::from_str(&text).map_err(|error| DataError::Tokenizer { path, reason: error.to_string() })
}
