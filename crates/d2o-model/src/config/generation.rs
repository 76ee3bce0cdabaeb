//! `generation_config.json`: what a directory says about decoding beside its architecture.

use std::path::Path;

use serde_json::Value;

use super::json::token_ids;
use crate::error::ModelError;

/// The file.
const FILE: &str = "generation_config.json";

/// The tokens with which the model of a directory ends its answers, as its generation settings say; none where there
/// are no such settings, or they name none.
///
/// # Errors
/// [`ModelError::Io`]; [`ModelError::Config`] for a file that is no JSON object; [`ModelError::Unsupported`] for an
/// end token that is no id.
pub(crate) fn generation_end_tokens(dir: &Path) -> Result<Vec<u32>, ModelError> {
    let path = dir.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path).map_err(|source| ModelError::Io { path: path.clone(), source })?;
    let settings: serde_json::Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| ModelError::json(&path, &error))?;
    token_ids(&path, "eos_token_id", settings.get("eos_token_id"))
}
