//! Prompts to answer or to score: JSON lines, and PyRIT's seed files.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::DataError;
use crate::jsonl::Row;
use crate::sample::{Place, Prompt};

/// A prompt, with an answer where the file has one.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptRow {
    /// The row's own id, or file name and line.
    pub id: String,
    /// What is asked.
    pub prompt: Prompt,
    /// An answer, to be scored.
    pub response: Option<String>,
    /// Where the row came from.
    pub place: Place,
}

/// Prompts of a file: JSON lines `{id?, prompt | messages, response?}`, or PyRIT's YAML (`.prompt`, `.yaml`).
///
/// # Errors
/// A row that cannot be read, with file, line and field; a file without rows.
pub fn load_prompts(path: &Path) -> Result<Vec<PromptRow>, DataError> {
    let text = fs::read_to_string(path).map_err(|source| DataError::Io { path: path.to_path_buf(), source })?;
    parse_prompts(path, &text)
}

/// The same from text; `path` names it in errors and tells the format by its ending.
///
/// # Errors
/// As [`load_prompts`].
pub fn parse_prompts(path: &Path, text: &str) -> Result<Vec<PromptRow>, DataError> {
    let yaml = path.extension().is_some_and(|ext| ext == "prompt" || ext == "yaml" || ext == "yml");
    let rows = if yaml { seeds(path, text)? } else { lines(path, text)? };
    if rows.is_empty() {
        let reason = "the file holds no prompt".to_owned();
        return Err(DataError::Line { path: path.to_path_buf(), line: 1, reason });
    }
    Ok(rows)
}

fn lines(path: &Path, text: &str) -> Result<Vec<PromptRow>, DataError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let place = Place { path: path.to_path_buf(), line: index + 1 };
            let wrong = |reason: String| DataError::Line { path: place.path.clone(), line: place.line, reason };
            let value = serde_json::from_str(line).map_err(|error| wrong(format!("not a JSON object: {error}")))?;
            let Value::Object(fields) = value else { return Err(wrong("not a JSON object".to_owned())) };
            let row = Row { fields, place: place.clone() };
            let prompt = if row.has("messages") { Prompt::Messages(row.messages()?) } else { Prompt::Text(row.text("prompt")?) };
            let response = if row.has("response") { Some(row.text("response")?) } else { None };
            Ok(PromptRow { id: row.id(""), prompt, response, place })
        })
        .collect()
}

#[derive(Deserialize)]
struct SeedFile {
    seeds: Vec<Seed>,
}

#[derive(Deserialize)]
struct Seed {
    value: String,
}

fn seeds(path: &Path, text: &str) -> Result<Vec<PromptRow>, DataError> {
    let file: SeedFile = serde_yaml_ng::from_str(text).map_err(|error| DataError::Line {
        path: path.to_path_buf(),
        line: error.location().map_or(1, |at| at.line()),
        reason: error.to_string(),
    })?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let rows = file.seeds.into_iter().enumerate().map(|(index, seed)| PromptRow {
        id: format!("{stem}-{:04}", index + 1),
        prompt: Prompt::Text(seed.value.trim().to_owned()),
        response: None,
        place: Place { path: path.to_path_buf(), line: index + 1 },
    });
    Ok(rows.filter(|row| !row.prompt.text().is_empty()).collect())
}
