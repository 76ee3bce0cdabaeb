//! Prompts to answer or to score: JSON lines, and PyRIT's seed files.

use std::io::Cursor;
use std::path::Path;

use d2o_text::Encoder;
use d2o_text::Prompt;
use serde_yaml_ng::Value;

use crate::error::DataError;
use crate::formats::{self, Problem};
use crate::row::Row;
use crate::rows::text_rows;
use crate::sample::Place;
use crate::source::lines::Lines;

/// A prompt, with an answer where the file has one.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptRow {
    /// The row's own id, or file name and line; in seed files, the file's stem and a number.
    pub id: String,
    /// What is asked.
    pub prompt: Prompt,
    /// An answer, to be scored.
    pub response: Option<String>,
    /// Where the row came from.
    pub place: Place,
}

impl PromptRow {
    /// The prompt's ids as a model sees it.
    ///
    /// # Errors
    /// [`DataError::Unframed`] with the row's place.
    pub fn ids(&self, encoder: &Encoder) -> Result<Vec<u32>, DataError> {
        encoder.prompt_ids(&self.prompt).map_err(|problem| DataError::of_row(problem, &self.place))
    }
}

/// Prompts of a file: rows `{id?, prompt | messages, response?}` as JSON lines, a JSON list or a table with a header,
/// or PyRIT's seeds in YAML (`.prompt`, `.yaml`, `.yml`: a list `seeds` of items with a `value`).
///
/// The file's content tells how it is packed and how rows stand in it; only YAML is told by its name.
///
/// # Errors
/// A row that cannot be read, with file, line and field; a file without rows.
pub fn load_prompts(path: &Path) -> Result<Vec<PromptRow>, DataError> {
    collect(Lines::open(path)?)
}

/// The same from text; `path` names it in errors and tells the format by its ending.
///
/// # Errors
/// As [`load_prompts`].
pub fn parse_prompts(path: &Path, text: &str) -> Result<Vec<PromptRow>, DataError> {
    collect(Lines::new(path, Box::new(Cursor::new(text.to_owned())))?)
}

fn collect(lines: Lines) -> Result<Vec<PromptRow>, DataError> {
    let path = lines.path().to_path_buf();
    let name = path.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let yaml = [".prompt", ".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
    let rows = if yaml { seeds(&path, lines)? } else { rows(lines)? };
    if rows.is_empty() { Err(DataError::NoPrompts { path }) } else { Ok(rows) }
}

fn rows(lines: Lines) -> Result<Vec<PromptRow>, DataError> {
    let row = |row: Row| {
        let (prompt, response) = (formats::question(&row)?, row.optional("response")?);
        Ok(PromptRow { id: row.id()?, prompt, response, place: row.place().clone() })
    };
    text_rows(lines)?.map(|found| found.map_err(Problem::into_error).and_then(row)).collect()
}

/// The items of the list `seeds`, by their `value`.
fn seeds(path: &Path, lines: Lines) -> Result<Vec<PromptRow>, DataError> {
    let bytes = lines.map(|line| Ok(line?.1)).collect::<Result<Vec<_>, DataError>>()?.concat();
    let file: Value = serde_yaml_ng::from_slice(&bytes).map_err(|error| DataError::Row {
        path: path.to_path_buf(),
        line: error.location().map_or(1, |at| at.line()),
        problem: format!("not YAML: {error}"),
        expected: "YAML with a list `seeds`",
    })?;
    let Some(items) = file.get("seeds").and_then(Value::as_sequence) else {
        let problem = if file.get("seeds").is_some() { "is no list" } else { "is missing" };
        return Err(wrong(path, 1, "seeds", problem, "a list of items with a `value`"));
    };
    let starts = item_lines(&String::from_utf8_lossy(&bytes));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let seed = |(index, item): (usize, &Value)| {
        // Items that are not written with one dash a line stand somewhere in the file.
        let line = if starts.len() == items.len() { starts[index] } else { 1 };
        let value = item.get("value").and_then(Value::as_str).map(str::trim);
        let problem = if value.is_some() { "is empty" } else { "is missing or no text" };
        let text = value.filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| wrong(path, line, &format!("seeds[{index}].value"), problem, "a text"))?;
        let (id, prompt) = (format!("{stem}-{:04}", index + 1), Prompt::Text(text.to_owned()));
        Ok(PromptRow { id, prompt, response: None, place: Place::new(path, line) })
    };
    items.iter().enumerate().map(seed).collect()
}

fn wrong(path: &Path, line: usize, field: &str, problem: &str, expected: &'static str) -> DataError {
    let (path, field, problem) = (path.to_path_buf(), field.to_owned(), problem.to_owned());
    DataError::Field { path, line, field, problem, expected, shape: None }
}

/// Physical lines on which the items of a block list `seeds:` begin.
///
/// Whatever belongs to an item is indented deeper than its dash, so equal indentation tells the items.
fn item_lines(text: &str) -> Vec<usize> {
    let mut indent = None;
    let numbered = text.lines().enumerate().skip_while(|(_, line)| !line.starts_with("seeds:")).skip(1);
    // The list ends where the next key of the file begins.
    let inside = |line: &str| line.is_empty() || line.starts_with([' ', '-', '#', '\r']);
    let numbered = numbered.take_while(|(_, line)| inside(line));
    let begins = |(index, line): (usize, &str)| {
        let rest = line.trim_start_matches(' ');
        let depth = line.len() - rest.len();
        let dash = rest == "-" || rest.starts_with("- ");
        (dash && *indent.get_or_insert(depth) == depth).then_some(index + 1)
    };
    numbered.filter_map(begins).collect()
}
