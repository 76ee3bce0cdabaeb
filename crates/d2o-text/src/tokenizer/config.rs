//! What a Hugging Face directory says about its tokens.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::TextError;

/// The file that says the most.
pub(crate) const CONFIG: &str = "tokenizer_config.json";

/// A JSON object from a file, empty where there is no file.
pub(crate) fn read_config(path: &Path) -> Result<Map<String, Value>, TextError> {
    if !path.exists() {
        return Ok(Map::new());
    }
    let text = fs::read_to_string(path).map_err(|source| TextError::io(path, source))?;
    serde_json::from_str(&text).map_err(|error| tokenizer_error(path, error.to_string()))
}

pub(crate) fn tokenizer_error(path: &Path, reason: String) -> TextError {
    TextError::Tokenizer { path: path.to_path_buf(), reason }
}
