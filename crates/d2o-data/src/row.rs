//! One JSON object and its fields, with errors that name where it stands.

use std::path::Path;

use d2o_text::Prompt;
use serde_json::{Map, Value};

use crate::error::DataError;
use crate::sample::{NegativeSample, Place};

/// A parsed row.
pub(crate) struct Row {
    fields: Map<String, Value>,
    place: Place,
}

impl Row {
    pub(crate) fn new(fields: Map<String, Value>, place: Place) -> Self {
        Self { fields, place }
    }

    pub(crate) fn parse(path: &Path, line: usize, bytes: &[u8]) -> Result<Self, DataError> {
        let parsed = serde_json::from_slice(bytes);
        let parsed = parsed.or_else(|error| match with_nulls(bytes) {
            Some(text) => serde_json::from_slice(&text).map_err(|_| error),
            None => Err(error),
        });
        match parsed {
            Ok(value) => Self::from_value(path, line, value),
            Err(error) => {
                // The parser counts lines from the row's own beginning: only the column means anything.
                let text = error.to_string();
                let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
                let problem = format!("{text} (column {})", error.column());
                Err(DataError::Json { path: path.to_path_buf(), line, problem, cut: error.is_eof() })
            }
        }
    }

    /// A row from a parsed value.
    ///
    /// # Errors
    /// [`DataError::Json`] for anything but an object.
    pub(crate) fn from_value(path: &Path, line: usize, value: Value) -> Result<Self, DataError> {
        match value {
            Value::Object(fields) => Ok(Self::new(unwrapped(fields), Place::new(path, line))),
            other => {
                let problem = format!("it is {}", kind(&other));
                Err(DataError::Json { path: path.to_path_buf(), line, problem, cut: false })
            }
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn value(&self, field: &str) -> Option<&Value> {
        self.fields.get(field)
    }

    /// Whether a field is there; null counts as absent, since tables write it for every empty cell.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| !value.is_null())
    }

    /// Whether a field is named, null or not.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// Whether a field holds anything: neither null nor blank nor an empty list.
    pub(crate) fn is_filled(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        })
    }

    /// All fields with their values.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A text with something in it.
    pub(crate) fn text(&self, field: &str) -> Result<&str, DataError> {
        filled(self.fields.get(field)).map_err(|problem| self.wrong(field, &problem, "a text"))
    }

    /// A text with something in it, or none where the field is absent.
    pub(crate) fn optional(&self, field: &str) -> Result<Option<String>, DataError> {
        self.has(field).then(|| self.text(field).map(str::to_owned)).transpose()
    }

    /// A truth value, also as the text or the number that tables write for one.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, DataError> {
        let value = self.fields.get(field);
        value.and_then(truth).ok_or_else(|| {
            let problem = format!("is {}", value.map_or("missing", kind));
            self.wrong(field, &problem, "true or false")
        })
    }

    /// The row's own id, or file name and line.
    pub(crate) fn id(&self) -> Result<String, DataError> {
        match self.fields.get("id") {
            None | Some(Value::Null) => Ok(self.place.id()),
            Some(Value::Number(id)) => Ok(id.to_string()),
            other => {
                let text = filled(other).map_err(|problem| self.wrong("id", &problem, "a text or a number"))?;
                Ok(text.to_owned())
            }
        }
    }

    pub(crate) fn sample(
        &self,
        prompt: Prompt,
        rejected: &str,
        chosen: Option<String>,
    ) -> Result<NegativeSample, DataError> {
        let rejected = rejected.to_owned();
        Ok(NegativeSample { id: self.id()?, prompt, rejected, chosen, place: self.place.clone() })
    }

    pub(crate) fn wrong(&self, field: &str, problem: &str, expected: &'static str) -> DataError {
        DataError::Field {
            path: self.place.path.clone(),
            line: self.place.line,
            field: field.to_owned(),
            problem: problem.to_owned(),
            expected,
            shape: None,
        }
    }
}

/// A row in which `NaN` and `Infinity`, which Python writes for numbers that are none, are null; none if it has
/// neither.
fn with_nulls(bytes: &[u8]) -> Option<Vec<u8>> {
    const NO_NUMBERS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let (mut text, mut found) = (Vec::with_capacity(bytes.len()), false);
    let (mut quoted, mut escaped, mut at) = (false, false, 0);
    while at < bytes.len() {
        let word = NO_NUMBERS.iter().find(|word| !quoted && bytes[at..].starts_with(word));
        if let Some(word) = word {
            text.extend_from_slice(b"null");
            at += word.len();
            found = true;
            continue;
        }
        quoted ^= bytes[at] == b'"' && !escaped;
        escaped = bytes[at] == b'\\' && !escaped;
        text.push(bytes[at]);
        at += 1;
    }
    found.then_some(text)
}

/// The row that stands in `row` beside its number, as the data viewer of Hugging Face hands them out.
fn unwrapped(mut fields: Map<String, Value>) -> Map<String, Value> {
    let wrapped = fields.contains_key("row_idx");
    match fields.get_mut("row") {
        Some(Value::Object(row)) if wrapped => std::mem::take(row),
        _ => fields,
    }
}

/// A text with something in it, or what it is instead.
pub(crate) fn filled(value: Option<&Value>) -> Result<&str, String> {
    match value {
        Some(Value::String(text)) if text.trim().is_empty() => Err("is empty".to_owned()),
        Some(Value::String(text)) => Ok(text),
        other => Err(format!("is {}", other.map_or("missing", kind))),
    }
}

/// A truth value: itself, `true` or `false` as a text, 1 or 0.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "1" | "1.0" => Some(true),
            "false" | "0" | "0.0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A value's type, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
