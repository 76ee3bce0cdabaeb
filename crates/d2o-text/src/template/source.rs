//! Where a Hugging Face directory keeps its chat template.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::error::TextError;
use crate::tokenizer::{CONFIG, read_config, tokenizer_error};

/// The one that is used where several have names.
const DEFAULT: &str = "default";

/// The template's text; none where there is no template.
///
/// Files of their own go before `tokenizer_config.json`, as in transformers: `chat_template.jinja` and
/// `additional_chat_templates/*.jinja`. Last comes a processor's `chat_template.json`.
pub(crate) fn in_dir(dir: &Path) -> Result<Option<String>, TextError> {
    let files = files(dir)?;
    if !files.is_empty() {
        return chosen(&dir.join("chat_template.jinja"), files).map(Some);
    }
    for name in [CONFIG, "chat_template.json"] {
        let path = dir.join(name);
        match read_config(&path)?.get("chat_template") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => return Ok(Some(text.clone())),
            Some(several) => {
                let named = named(several).ok_or_else(|| {
                    let expected = "expected a text, or a list of objects with `name` and `template`";
                    tokenizer_error(&path, format!("`chat_template` is no template; {expected}"))
                })?;
                return chosen(&path, named).map(Some);
            }
        }
    }
    Ok(None)
}

/// Templates in files, by name.
fn files(dir: &Path) -> Result<BTreeMap<String, String>, TextError> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|source| TextError::io(path, source));
    let mut templates = BTreeMap::new();
    let path = dir.join("chat_template.jinja");
    if path.exists() {
        templates.insert(DEFAULT.to_owned(), read(&path)?);
    }
    let more = dir.join("additional_chat_templates");
    if more.is_dir() {
        for entry in fs::read_dir(&more).map_err(|source| TextError::io(&more, source))? {
            let path = entry.map_err(|source| TextError::io(&more, source))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".jinja") {
                templates.insert(name.to_owned(), read(&path)?);
            }
        }
    }
    Ok(templates)
}

/// Templates in a list of objects, or in an object by name.
fn named(several: &Value) -> Option<BTreeMap<String, String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match several {
        Value::Array(list) => {
            list.iter().map(|item| Some((text(item.get("name")?)?, text(item.get("template")?)?))).collect()
        }
        Value::Object(map) => map.iter().map(|(name, template)| Some((name.clone(), text(template)?))).collect(),
        _ => None,
    }
}

fn chosen(path: &Path, mut templates: BTreeMap<String, String>) -> Result<String, TextError> {
    templates.remove(DEFAULT).ok_or_else(|| {
        let names: Vec<String> = templates.keys().map(|name| format!("`{name}`")).collect();
        tokenizer_error(path, format!("no chat template is named `{DEFAULT}`; there is {}", names.join(", ")))
    })
}
