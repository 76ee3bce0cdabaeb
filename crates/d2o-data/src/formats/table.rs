//! Rows of a table with a header: CSV, and TSV.

use serde_json::{Map, Value};

use super::parsed::Problem;
use crate::error::DataError;
use crate::row::Row;
use crate::sample::Place;
use crate::source::csv_records::{Header, Records};

/// A table behind its header; every column is a field, and an empty cell is null.
pub(crate) struct Table {
    records: Records,
    names: Vec<String>,
}

impl Table {
    /// # Errors
    /// A header that names no column twice or more than one column by the same name.
    pub(crate) fn new(records: Records, header: Header) -> Result<Self, DataError> {
        let wrong = |problem: String, expected| {
            let path = records.path().to_path_buf();
            Err(DataError::Row { path, line: header.line, problem, expected })
        };
        let names = header.names;
        let twice = names.iter().enumerate().find(|(index, name)| !name.is_empty() && names[..*index].contains(name));
        if let Some((_, name)) = twice {
            return wrong(format!("the column `{name}` stands twice in the header"), "a name for each column");
        }
        if names.len() < 2 {
            return wrong(
                "this is neither a JSON object nor a table's header".to_owned(),
                "rows as JSON or as a table",
            );
        }
        Ok(Self { records, names })
    }

    fn row(&self, line: usize, record: &csv::StringRecord) -> Result<Row, DataError> {
        let place = Place::new(self.records.path(), line);
        if record.len() != self.names.len() {
            let problem = format!("the row has {} cells, the header {}", record.len(), self.names.len());
            let path = place.path;
            return Err(DataError::Row { path, line, problem, expected: "as many cells as the header has" });
        }
        let fields = self.names.iter().zip(record).filter(|(name, _)| !name.is_empty());
        let fields: Map<String, Value> = fields.map(|(name, text)| (name.clone(), cell(text))).collect();
        let row = Row::new(fields, place);
        for (name, value) in row.fields() {
            if value.as_str().is_some_and(is_python) {
                return Err(row.wrong(
                    name,
                    "is a list as Python prints it",
                    "a list as JSON writes it (`json.dumps`)",
                ));
            }
        }
        Ok(row)
    }
}

impl Iterator for Table {
    type Item = Result<Row, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.records.next()? {
            Ok((line, record)) => record.and_then(|record| self.row(line, &record)).map_err(Problem::Row),
            Err(error) => Err(Problem::File(error)),
        })
    }
}

/// A cell's value: messages where it holds them as JSON, else its text.
fn cell(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    let is_turn = |value: &Value| {
        let has = |name: &str| value.get(name).is_some();
        has("role") && has("content") || has("from") && has("value")
    };
    let messages = |value: &Value| match value {
        Value::Array(turns) => turns.is_empty() || turns.iter().all(is_turn),
        other => is_turn(other),
    };
    let json = text.trim_start().starts_with(['[', '{']).then(|| serde_json::from_str(text).ok()).flatten();
    json.filter(messages).unwrap_or_else(|| text.into())
}

/// Whether a text is a list of messages as Python or NumPy prints it.
fn is_python(text: &str) -> bool {
    let text: String = text.chars().take(64).filter(|c| !c.is_whitespace()).collect();
    ["[{'role':", "[{'content':", "[{'from':", "[{'value':", "{'role':", "{'content':"]
        .iter()
        .any(|begin| text.starts_with(begin))
}
