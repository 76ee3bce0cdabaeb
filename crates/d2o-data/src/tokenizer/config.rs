//! What a Hugging Face directory says about its tokens.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::DataError;

/// The text of a special token by its name in a directory's configuration, such as `eos_token`.
pub(crate) fn named_token(dir: &Path, key: &str) -> Result<Option<String>, DataError> {
    for file in ["tokenizer_config.json", "special_tokens_map.json"] {
        let config = read_config(&dir.join(file))?;
        let text = config.get(key).and_then(|value| value.as_str().or_else(|| value.get("content")?.as_str()));
        if let Some(text) = text {
            return Ok(Some(text.to_owned()));
        }
    }
    Ok(None)
}

/// A JSON object from a file, empty where there is no file.
pub(crate) fn read_config(path: &Path) -> Result<Map<String, Value>, DataError> {
    if !path.exists() {
        return Ok(Map::new());
    }
    let text = fs::read_to_string(path).map_err(|source| DataError::io(path, source))?;
    serde_json::from_str(&text).map_err(|error| tokenizer_error(path, error.to_string()))
}

pub(crate) fn tokenizer_error(path: &Path, reason: String) -> DataError {
    DataError::Tokenizer { path: path.to_path_buf(), reason }
}
