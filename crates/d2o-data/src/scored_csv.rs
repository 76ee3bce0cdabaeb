//! Answers with human scores, as PyRIT publishes them.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::error::DataError;
use crate::jsonl::Rows;
use crate::sample::{NegativeSample, Place, Prompt};

/// An answer with its human score, whatever the score.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledAnswer {
    /// What was asked.
    pub prompt: String,
    /// The answer.
    pub answer: String,
    /// The score, or the mean of several raters'.
    pub score: f64,
    /// Where the row came from.
    pub place: Place,
}

const PROMPT: &str = "objective";
const ANSWER: &str = "assistant_response";
const SCORE: &str = "human_score";

/// All scored answers of a CSV file: columns `objective`, `assistant_response`, and `human_score` or `human_score_1`, …
///
/// Lines at the top that begin with `#` are comments. Rows without any score are left out.
///
/// # Errors
/// A missing column, a row that cannot be read, a score that is no number: with line and field.
pub fn load_labelled(path: &Path) -> Result<Vec<LabelledAnswer>, DataError> {
    let file = File::open(path).map_err(|source| DataError::Io { path: path.to_path_buf(), source })?;
    Table::new(path, file)?.collect()
}

pub(crate) fn negatives(path: &Path, source: impl Read + 'static, threshold: f64) -> Rows {
    let table = match Table::new(path, source) {
        Ok(table) => table,
        Err(error) => return Box::new(std::iter::once(Err(error))),
    };
    Box::new(table.filter_map(move |row| match row {
        Err(error) => Some(Err(error)),
        Ok(row) if row.score < threshold => None,
        Ok(row) => {
            let name = row.place.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Some(Ok(NegativeSample {
                id: format!("{name}:{}", row.place.line),
                prompt: Prompt::Text(row.prompt),
                rejected: row.answer,
                chosen: None,
                place: row.place,
            }))
        }
    }))
}

/// Rows and the reason why none of them reaches `threshold`.
pub(crate) fn why_none(path: &Path, threshold: f64) -> Result<(usize, String), DataError> {
    let rows = load_labelled(path)?;
    let highest = rows.iter().map(|row| row.score).fold(f64::NEG_INFINITY, f64::max);
    let reason = format!("the threshold is {threshold}, the highest score {highest}");
    Ok((rows.len(), reason))
}

struct Table {
    path: PathBuf,
    reader: Reader<Cursor<Vec<u8>>>,
    /// Comment lines before the header.
    skipped: usize,
    prompt: usize,
    answer: usize,
    scores: Vec<(usize, String)>,
}

impl Table {
    fn new(path: &Path, mut source: impl Read) -> Result<Self, DataError> {
        let mut bytes = Vec::new();
        source
            .read_to_end(&mut bytes)
            .map_err(|source| DataError::Io { path: path.to_path_buf(), source })?;
        let (start, skipped) = after_comments(&bytes);
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(Cursor::new(bytes.split_off(start)));
        let headers = reader.headers().map_err(|error| csv_error(path, skipped, &error))?.clone();
        let column = |name: &'static str| {
            headers.iter().position(|header| header.trim() == name).ok_or_else(|| DataError::Field {
                path: path.to_path_buf(),
                line: skipped + 1,
                field: name.to_owned(),
                problem: "is not a column".to_owned(),
                expected: "columns objective, assistant_response and human_score",
            })
        };
        let scores: Vec<(usize, String)> = headers
            .iter()
            .enumerate()
            .filter(|(_, header)| header.trim().starts_with(SCORE))
            .map(|(index, header)| (index, header.trim().to_owned()))
            .collect();
        if scores.is_empty() {
            column(SCORE)?;
        }
        let (prompt, answer) = (column(PROMPT)?, column(ANSWER)?);
        Ok(Self { path: path.to_path_buf(), reader, skipped, prompt, answer, scores })
    }

    fn row(&self, record: &StringRecord, line: usize) -> Result<Option<LabelledAnswer>, DataError> {
        let Some(score) = self.score(record, line)? else { return Ok(None) };
        Ok(Some(LabelledAnswer {
            prompt: self.text(record, self.prompt, PROMPT, line)?,
            answer: self.text(record, self.answer, ANSWER, line)?,
            score,
            place: Place { path: self.path.clone(), line },
        }))
    }

    fn text(&self, record: &StringRecord, column: usize, field: &str, line: usize) -> Result<String, DataError> {
        match record.get(column).map(str::trim) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            found => {
                let problem = if found.is_some() { "is empty" } else { "is missing" };
                Err(self.wrong(field, problem.to_owned(), "a text", line))
            }
        }
    }

    /// The mean of the scores that are there.
    fn score(&self, record: &StringRecord, line: usize) -> Result<Option<f64>, DataError> {
        let mut sum = 0.0;
        let mut count = 0;
        for (column, name) in &self.scores {
            let text = record.get(*column).unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            match text.parse::<f64>() {
                Ok(score) if score.is_finite() => sum += score,
                _ => return Err(self.wrong(name, format!("is `{text}`"), "a number", line)),
            }
            count += 1;
        }
        Ok((count > 0).then(|| sum / f64::from(count)))
    }

    fn wrong(&self, field: &str, problem: String, expected: &'static str, line: usize) -> DataError {
        DataError::Field { path: self.path.clone(), line, field: field.to_owned(), problem, expected }
    }
}

impl Iterator for Table {
    type Item = Result<LabelledAnswer, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = StringRecord::new();
        loop {
            match self.reader.read_record(&mut record) {
                Err(error) => return Some(Err(csv_error(&self.path, self.skipped, &error))),
                Ok(false) => return None,
                Ok(true) => {}
            }
            let line = record.position().map_or(0, |position| position.line() as usize) + self.skipped;
            match self.row(&record, line) {
                Ok(Some(row)) => return Some(Ok(row)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn after_comments(bytes: &[u8]) -> (usize, usize) {
    let bom: &[u8] = b"\xef\xbb\xbf";
    let mut start = if bytes.starts_with(bom) { bom.len() } else { 0 };
    let mut lines = 0;
    while bytes.get(start) == Some(&b'#') {
        lines += 1;
        match bytes[start..].iter().position(|&byte| byte == b'\n') {
            Some(end) => start += end + 1,
            None => start = bytes.len(),
        }
    }
    (start, lines)
}

fn csv_error(path: &Path, skipped: usize, error: &csv::Error) -> DataError {
    let line = error.position().map_or(0, |position| position.line() as usize) + skipped;
    DataError::Line { path: path.to_path_buf(), line, reason: error.to_string() }
}
