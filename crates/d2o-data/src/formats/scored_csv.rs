//! Answers with human scores, as PyRIT publishes them.

use std::path::Path;

use csv::StringRecord;
use d2o_text::Prompt;

use super::parsed::{ParsedRow, ParsedRows, Problem};
use crate::error::DataError;
use crate::sample::{NegativeSample, Place};
use crate::shape::Shape;
use crate::source::csv_records::{Header, Records};
use crate::source::layout::Layout;
use crate::source::lines::Lines;

/// An answer with its human score, whatever the score.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledAnswer {
    /// What was asked.
    pub prompt: String,
    /// The answer.
    pub answer: String,
    /// The score, or the mean of several people's.
    pub score: f64,
    /// Where the row came from.
    pub place: Place,
}

const PROMPT: &str = "objective";
const ANSWER: &str = "assistant_response";
const SCORE: &str = "human_score";
const COLUMNS: &str = "the columns objective, assistant_response and human_score";
const CELLS: &str = "as many cells as the header has";

/// All scored answers of a CSV file: columns `objective`, `assistant_response`, and `human_score` or
/// `human_score_1`, `human_score_2`, …, of which the mean is taken.
///
/// Lines at the top that begin with `#` are comments, other columns are ignored, and rows that nobody
/// scored are left out. A name that ends in `.gz` is unpacked on the way.
///
/// # Errors
/// A missing column, a row that cannot be read, an empty text, a score that is no number: with line and field.
pub fn load_labelled(path: &Path) -> Result<Vec<LabelledAnswer>, DataError> {
    let lines = Lines::open(path)?;
    let delimiter = match Layout::of(lines.head()) {
        Layout::Table(delimiter) => delimiter,
        _ => b',',
    };
    let mut records = Records::new(lines, delimiter);
    let header = records.header()?;
    let rows = ScoredTable::new(records, header)?;
    rows.filter_map(|row| row.map_err(Problem::into_error).transpose()).collect()
}

/// A scored table behind its header; gives one item a row, none where nobody scored it.
pub(crate) struct ScoredTable {
    records: Records,
    prompt: usize,
    answer: usize,
    scores: Vec<(usize, String)>,
}

impl ScoredTable {
    /// Whether a header is one of a scored table's.
    pub(crate) fn is_header(header: &Header) -> bool {
        [PROMPT, ANSWER].iter().any(|name| header.names.iter().any(|column| column == name))
    }

    pub(crate) fn new(records: Records, header: Header) -> Result<Self, DataError> {
        let place = Place::new(records.path(), header.line);
        let names: Vec<&str> = header.names.iter().map(String::as_str).collect();
        let column = |name: &str| {
            let found = names.iter().position(|&column| column == name);
            found.ok_or_else(|| wrong(&place, name, "is no column", COLUMNS))
        };
        let mut scores: Vec<usize> = (0..names.len()).filter(|&index| is_persons_score(names[index])).collect();
        if scores.is_empty() || names.contains(&SCORE) {
            scores = vec![column(SCORE)?];
        }
        let scores = scores.into_iter().map(|index| (index, names[index].to_owned())).collect();
        let (prompt, answer) = (column(PROMPT)?, column(ANSWER)?);
        Ok(Self { records, prompt, answer, scores })
    }

    /// The rows as rejected answers, those with a score of at least `threshold`.
    pub(crate) fn negatives(self, threshold: f64) -> ParsedRows {
        Box::new(self.map(move |row| {
            let shape = Some(Shape::Scored);
            let Some(row) = row? else { return Ok(ParsedRow { shape, ..ParsedRow::default() }) };
            let score = Some(row.score);
            let negatives = if row.score >= threshold { vec![row.into()] } else { Vec::new() };
            Ok(ParsedRow { negatives, score, shape, ..ParsedRow::default() })
        }))
    }

    fn row(&self, record: &StringRecord, line: usize) -> Result<Option<LabelledAnswer>, DataError> {
        let place = Place::new(self.records.path(), line);
        let Some(score) = self.score(record, &place)? else { return Ok(None) };
        let prompt = text(record, self.prompt, PROMPT, &place)?;
        let answer = text(record, self.answer, ANSWER, &place)?;
        Ok(Some(LabelledAnswer { prompt, answer, score, place }))
    }

    /// The mean of the scores that are there.
    fn score(&self, record: &StringRecord, place: &Place) -> Result<Option<f64>, DataError> {
        let mut sum = 0.0;
        let mut count = 0;
        for (column, name) in &self.scores {
            let cell = record.get(*column).ok_or_else(|| wrong(place, name, "is missing", CELLS))?.trim();
            if cell.is_empty() {
                continue;
            }
            match cell.parse::<f64>() {
                Ok(score) if score.is_finite() => sum += score,
                _ => return Err(wrong(place, name, &format!("is `{cell}`"), "a number")),
            }
            count += 1;
        }
        Ok((count > 0).then(|| sum / f64::from(count)))
    }
}

impl Iterator for ScoredTable {
    type Item = Result<Option<LabelledAnswer>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.records.next()? {
            Ok((line, record)) => record.and_then(|record| self.row(&record, line)).map_err(Problem::Row),
            Err(error) => Err(Problem::File(error)),
        })
    }
}

impl From<LabelledAnswer> for NegativeSample {
    fn from(row: LabelledAnswer) -> Self {
        let prompt = Prompt::Text(row.prompt);
        Self { id: row.place.id(), prompt, rejected: row.answer, chosen: None, place: row.place }
    }
}

/// `human_score_1` and its like.
fn is_persons_score(name: &str) -> bool {
    let number = name.strip_prefix(SCORE).and_then(|rest| rest.strip_prefix('_'));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

fn text(record: &StringRecord, column: usize, field: &str, place: &Place) -> Result<String, DataError> {
    match record.get(column).map(str::trim) {
        Some("") => Err(wrong(place, field, "is empty", "a text")),
        Some(text) => Ok(text.to_owned()),
        None => Err(wrong(place, field, "is missing", CELLS)),
    }
}

fn wrong(place: &Place, field: &str, problem: &str, expected: &'static str) -> DataError {
    let (path, line) = (place.path.clone(), place.line);
    let shape = Some(Shape::Scored);
    DataError::Field { path, line, field: field.to_owned(), problem: problem.to_owned(), expected, shape }
}
