//! JSON lines in the shapes in which rejected answers are published.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::DataError;
use crate::sample::{Message, NegativeSample, Place, Prompt};
use crate::{hh, scored_csv};

/// How a file's rows are shaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// By the file name's ending, and for JSON lines by each row's fields.
    #[default]
    Auto,
    /// `{prompt, rejected}` or `{messages, rejected}`, `chosen` and `id` optional.
    Jsonl,
    /// `{prompt, response, is_safe}` or `{prompt, response_0, response_1, is_response_0_safe, is_response_1_safe}`.
    SafetyPairs,
    /// `{chosen, rejected}` transcripts with `Human:` and `Assistant:` turns.
    HhTranscripts,
    /// `objective, assistant_response, human_score…`.
    ScoredCsv,
    /// Columns as in `SafetyPairs` or `Jsonl`; needs the feature `parquet`.
    Parquet,
}

/// How to read a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadOptions {
    /// The rows' shape.
    pub format: Format,
    /// Least human score of a rejected answer, for scored rows.
    pub threshold: f64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { format: Format::Auto, threshold: 0.75 }
    }
}

/// Rows one at a time.
pub type Rows = Box<dyn Iterator<Item = Result<NegativeSample, DataError>>>;

/// All rejected answers of a file.
///
/// # Errors
/// The first row that cannot be read; [`DataError::NoNegatives`] if no row is a rejected answer.
pub fn load_negatives(path: &Path, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    let rows = read_negatives(path, options)?.collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        let (rows, reason) = match options.format_of(path) {
            Format::ScoredCsv => scored_csv::why_none(path, options.threshold)?,
            _ => (0, "it has no row with a rejected answer".to_owned()),
        };
        return Err(DataError::NoNegatives { path: path.to_path_buf(), rows, reason });
    }
    Ok(rows)
}

/// The rejected answers of a file, streamed. `.gz` is unpacked on the way.
///
/// # Errors
/// If the file cannot be opened; each row's own errors come from the iterator.
pub fn read_negatives(path: &Path, options: &LoadOptions) -> Result<Rows, DataError> {
    if options.format_of(path) == Format::Parquet {
        return parquet(path, options);
    }
    let file = File::open(path).map_err(|source| DataError::Io { path: path.to_path_buf(), source })?;
    if path.extension().is_some_and(|ext| ext == "gz") {
        return Ok(read_rows(path, MultiGzDecoder::new(file), options));
    }
    Ok(read_rows(path, file, options))
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path, options: &LoadOptions) -> Result<Rows, DataError> {
    crate::parquet_rows::read(path, options)
}

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &LoadOptions) -> Result<Rows, DataError> {
    let reason = "reading Parquet needs the feature `parquet` of d2o-data".to_owned();
    Err(DataError::Line { path: path.to_path_buf(), line: 1, reason })
}

/// The rejected answers of anything that can be read; `path` names it in errors and decides `Auto`.
pub fn read_rows(path: &Path, source: impl Read + 'static, options: &LoadOptions) -> Rows {
    let format = options.format_of(path);
    if format == Format::ScoredCsv {
        return scored_csv::negatives(path, source, options.threshold);
    }
    let path = path.to_path_buf();
    let lines = BufReader::new(source).split(b'\n').enumerate();
    Box::new(lines.flat_map(move |(index, line)| {
        let place = Place { path: path.clone(), line: index + 1 };
        let rows = match line {
            Err(source) => vec![Err(DataError::Io { path: path.clone(), source })],
            Ok(line) if line.iter().all(u8::is_ascii_whitespace) => Vec::new(),
            Ok(line) => match parse(&line, format, &place) {
                Ok(rows) => rows.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            },
        };
        rows
    }))
}

impl LoadOptions {
    fn format_of(&self, path: &Path) -> Format {
        if self.format != Format::Auto {
            return self.format;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit('.').next() {
            Some("csv") => Format::ScoredCsv,
            Some("parquet") => Format::Parquet,
            _ => Format::Auto,
        }
    }
}

fn parse(line: &[u8], format: Format, place: &Place) -> Result<Vec<NegativeSample>, DataError> {
    let value: Value = serde_json::from_slice(line).map_err(|error| DataError::Line {
        path: place.path.clone(),
        line: place.line,
        reason: format!("not a JSON object: {error}"),
    })?;
    let Value::Object(fields) = value else {
        let reason = "not a JSON object".to_owned();
        return Err(DataError::Line { path: place.path.clone(), line: place.line, reason });
    };
    Row { fields, place: place.clone() }.negatives(format)
}

/// One parsed row.
pub(crate) struct Row {
    pub(crate) fields: Map<String, Value>,
    pub(crate) place: Place,
}

impl Row {
    /// The rejected answers of the row: none where every answer is safe, two where both are not.
    pub(crate) fn negatives(self, format: Format) -> Result<Vec<NegativeSample>, DataError> {
        match format {
            Format::HhTranscripts => hh::negatives(&self),
            Format::SafetyPairs => self.safety(),
            Format::Jsonl => Ok(vec![self.preference()?]),
            _ if self.has("is_safe") || self.has("response_0") => self.safety(),
            _ if !self.has("prompt") && !self.has("messages") && self.has("chosen") => hh::negatives(&self),
            _ => Ok(vec![self.preference()?]),
        }
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    pub(crate) fn text(&self, field: &str) -> Result<String, DataError> {
        match self.fields.get(field) {
            Some(Value::String(text)) if text.trim().is_empty() => Err(self.wrong(field, "is empty", "a text")),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(self.wrong(field, &format!("is {}", kind(other)), "a text")),
            None => Err(self.wrong(field, "is missing", "a text")),
        }
    }

    fn optional(&self, field: &str) -> Result<Option<String>, DataError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.text(field).map(Some),
        }
    }

    fn flag(&self, field: &str) -> Result<bool, DataError> {
        match self.fields.get(field) {
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(field, &format!("is {}", kind(other)), "true or false")),
            None => Err(self.wrong(field, "is missing", "true or false")),
        }
    }

    pub(crate) fn wrong(&self, field: &str, problem: &str, expected: &'static str) -> DataError {
        DataError::Field {
            path: self.place.path.clone(),
            line: self.place.line,
            field: field.to_owned(),
            problem: problem.to_owned(),
            expected,
        }
    }

    pub(crate) fn id(&self, suffix: &str) -> String {
        let own = match self.fields.get("id") {
            Some(Value::String(id)) => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => None,
        };
        let name = self.place.path.file_name().unwrap_or_default().to_string_lossy();
        format!("{}{suffix}", own.unwrap_or_else(|| format!("{name}:{}", self.place.line)))
    }

    fn sample(&self, prompt: Prompt, rejected: String, chosen: Option<String>, suffix: &str) -> NegativeSample {
        NegativeSample { id: self.id(suffix), prompt, rejected, chosen, place: self.place.clone() }
    }

    fn preference(&self) -> Result<NegativeSample, DataError> {
        let chosen = self.optional("chosen")?;
        if !self.has("messages") {
            return Ok(self.sample(Prompt::Text(self.text("prompt")?), self.text("rejected")?, chosen, ""));
        }
        let mut turns = self.messages()?;
        let rejected = match (self.has("rejected"), turns.last()) {
            (true, _) => self.text("rejected")?,
            (false, Some(last)) if last.role == "assistant" => turns.pop().map(|turn| turn.content).unwrap_or_default(),
            (false, _) => return Err(self.wrong("rejected", "is missing", "a text, or a last message of the assistant")),
        };
        if turns.is_empty() {
            return Err(self.wrong("messages", "holds no prompt", "at least one message before the answer"));
        }
        Ok(self.sample(Prompt::Messages(turns), rejected, chosen, ""))
    }

    pub(crate) fn messages(&self) -> Result<Vec<Message>, DataError> {
        let expected = "a list of {\"role\", \"content\"}";
        let value = self.fields.get("messages").cloned().unwrap_or_default();
        let turns: Vec<Message> = serde_json::from_value(value)
            .map_err(|error| self.wrong("messages", &format!("cannot be read ({error})"), expected))?;
        if turns.iter().any(|turn| turn.content.trim().is_empty()) || turns.is_empty() {
            return Err(self.wrong("messages", "has an empty turn", expected));
        }
        Ok(turns)
    }

    fn safety(&self) -> Result<Vec<NegativeSample>, DataError> {
        let prompt = Prompt::Text(self.text("prompt")?);
        if !self.has("response_0") {
            let response = self.text("response")?;
            let safe = self.flag("is_safe")?;
            return Ok(if safe { Vec::new() } else { vec![self.sample(prompt, response, None, "")] });
        }
        let answers = [self.text("response_0")?, self.text("response_1")?];
        let safe = [self.flag("is_response_0_safe")?, self.flag("is_response_1_safe")?];
        let chosen = answers.iter().zip(safe).find(|(_, safe)| *safe).map(|(answer, _)| answer.clone());
        let unsafe_ones = answers.into_iter().zip(safe).enumerate().filter(|(_, (_, safe))| !safe);
        Ok(unsafe_ones
            .map(|(index, (answer, _))| self.sample(prompt.clone(), answer, chosen.clone(), &format!("#{index}")))
            .collect())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
