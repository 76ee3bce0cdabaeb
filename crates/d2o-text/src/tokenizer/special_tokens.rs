//! A tokenizer's special tokens by name, as transformers shows them to chat templates.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::config::{CONFIG, read_config, tokenizer_error};
use crate::error::TextError;

/// Names that every tokenizer may use.
const STANDARD: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// Where a file names tokens of the model's own, such as `image_token`.
const MODEL_SPECIFIC: [&str; 2] = ["extra_special_tokens", "model_specific_special_tokens"];

/// Present where the tokenizer's configuration is complete, so that nothing else is read.
const COMPLETE: &str = "added_tokens_decoder";

/// Texts of special tokens by name, such as `eos_token`. Tokens without a name are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens(BTreeMap<String, String>);

impl SpecialTokens {
    /// The named tokens of a Hugging Face directory: the seven standard ones, every other text under a name that ends in
    /// `_token`, and those that `extra_special_tokens` names.
    ///
    /// `special_tokens_map.json` goes before `tokenizer_config.json`, but is not looked at where the latter lists all its
    /// added tokens.
    ///
    /// # Errors
    /// [`TextError::Tokenizer`] for a file that is no JSON object, or a standard name that is no token.
    pub(crate) fn from_dir(dir: &Path) -> Result<Self, TextError> {
        let path = dir.join(CONFIG);
        let mut named = read_config(&path)?;
        if !named.contains_key(COMPLETE) {
            named.extend(read_config(&dir.join("special_tokens_map.json"))?);
        }
        for name in STANDARD {
            let given = named.get(name).filter(|value| !value.is_null());
            if given.is_some_and(|value| text(value).is_none()) {
                let reason = format!("`{name}` is no token; expected a text, or an object with `content`");
                return Err(tokenizer_error(&path, reason));
            }
        }
        let mut tokens: BTreeMap<String, String> = texts(&named).filter(|(name, _)| name.ends_with("_token")).collect();
        for list in MODEL_SPECIFIC {
            tokens.extend(named.get(list).and_then(Value::as_object).into_iter().flat_map(texts));
        }
        Ok(Self(tokens))
    }

    /// The text of a token.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and texts, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for SpecialTokens {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(tokens: I) -> Self {
        Self(tokens.into_iter().map(|(name, text)| (name.into(), text.into())).collect())
    }
}

/// The text of a special token by its name in a directory's configuration, such as `eos_token`.
///
/// A name that only `special_tokens_map.json` has counts too: without it, nothing might end an answer.
pub(crate) fn named_token(dir: &Path, key: &str) -> Result<Option<String>, TextError> {
    if let Some(text) = SpecialTokens::from_dir(dir)?.get(key) {
        return Ok(Some(text.to_owned()));
    }
    let map = read_config(&dir.join("special_tokens_map.json"))?;
    Ok(map.get(key).and_then(text).map(str::to_owned))
}

/// The entries that are tokens.
fn texts(entries: &Map<String, Value>) -> impl Iterator<Item = (String, String)> {
    entries.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?.to_owned())))
}

/// A token's text: alone, or as `content` among its properties.
fn text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}
