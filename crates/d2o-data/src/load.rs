//! Rejected answers of a file, one at a time or all.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use crate::error::DataError;
use crate::formats::{Format, LEAST_TOP, LoadOptions, ParsedRow, ParsedRows, Problem, ScoredTable, Table, parsed_row};
use crate::negatives::Negatives;
use crate::parquet_rows;
use crate::rows::{Rows, Text, text};
use crate::sample::NegativeSample;
use crate::source::lines::Lines;

/// Rows between two reports of progress.
const REPORT_EVERY: usize = 100_000;

/// All rejected answers of a file, in its order; the first row that cannot be read is an error.
///
/// [`Negatives::load`] leaves such rows out and counts them.
///
/// # Errors
/// A file or a row that cannot be read; [`DataError::NoNegatives`] if no row is a rejected answer.
pub fn load_negatives(path: &Path, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    let options = LoadOptions { strict: true, ..*options };
    Ok(Negatives::load(path, &options, &mut |_, _| {})?.samples)
}

impl Negatives {
    /// All rejected answers of a file, in its order. Rows that cannot be read are left out and counted, unless
    /// `options.strict`; `watch` hears the number of rows and of rejected answers now and then.
    ///
    /// # Errors
    /// A file that cannot be read to its end; the first row that cannot be read if all of them or, under
    /// `options.strict`, any; [`DataError::NoNegatives`] if no row is a rejected answer.
    pub fn load(path: &Path, options: &LoadOptions, watch: &mut dyn FnMut(usize, usize)) -> Result<Self, DataError> {
        let mut found = Self::default();
        let (mut highest, mut scored) = (None, false);
        for row in open(path, options)? {
            match row {
                Ok(row) => {
                    scored |= row.is_scored();
                    highest = max(highest, row.score);
                    found.add(row.shape, row.negatives);
                }
                Err(Problem::Row(error)) if !options.strict => found.leave_out(error),
                Err(problem) => return Err(problem.into_error()),
            }
            if found.reading.rows % REPORT_EVERY == 0 {
                watch(found.reading.rows, found.samples.len());
            }
        }
        let reading = &mut found.reading;
        if reading.left_out > 0 && reading.left_out == reading.rows {
            return Err(reading.reasons.swap_remove(0));
        }
        if found.samples.is_empty() {
            let (path, rows) = (path.to_path_buf(), reading.rows);
            let threshold = scored.then_some(options.threshold);
            return Err(DataError::NoNegatives { path, threshold, rows, highest });
        }
        Ok(found)
    }
}

/// The rejected answers of a file, streamed; how it is packed and how rows stand in it is told by its content.
///
/// # Errors
/// If the file cannot be opened or its header is wrong; each row's own errors come from the iterator.
pub fn read_negatives(
    path: &Path,
    options: &LoadOptions,
) -> Result<impl Iterator<Item = Result<NegativeSample, DataError>> + Send + use<>, DataError> {
    Ok(open(path, options)?.flat_map(flatten))
}

/// The rejected answers of anything that can be read, streamed.
///
/// `path` names the source in errors; nothing is opened there.
///
/// # Errors
/// As [`read_negatives`]; Parquet can be read from a file only.
pub fn read_rows<R: Read + Send + 'static>(
    path: &Path,
    source: R,
    options: &LoadOptions,
) -> Result<impl Iterator<Item = Result<NegativeSample, DataError>> + Send + use<R>, DataError> {
    Ok(parse(Lines::new(path, Box::new(source))?, options)?.flat_map(flatten))
}

fn flatten(row: Result<ParsedRow, Problem>) -> Vec<Result<NegativeSample, DataError>> {
    match row {
        Ok(parsed) => parsed.negatives.into_iter().map(Ok).collect(),
        Err(problem) => vec![Err(problem.into_error())],
    }
}

fn open(path: &Path, options: &LoadOptions) -> Result<ParsedRows, DataError> {
    let failed = |source| DataError::io(path, source);
    let file = File::open(path).map_err(failed)?;
    let mut head = Vec::new();
    (&file).take(parquet_rows::MARK.len() as u64).read_to_end(&mut head).map_err(failed)?;
    if head == parquet_rows::MARK {
        return Ok(parsed(parquet_rows::read(path, file)?, path, options));
    }
    // A pipe cannot be read from its beginning again.
    parse(Lines::new(path, Box::new(Cursor::new(head).chain(file)))?, options)
}

fn parse(lines: Lines, options: &LoadOptions) -> Result<ParsedRows, DataError> {
    let path = lines.path().to_path_buf();
    if options.format == Format::Parquet || lines.head().starts_with(parquet_rows::MARK) {
        let expected = "a Parquet file, neither packed nor streamed";
        return Err(DataError::Row { path, line: 1, problem: "this is not one".to_owned(), expected });
    }
    Ok(match text(lines)? {
        Text::Table(records, header) if options.format == Format::ScoredCsv || ScoredTable::is_header(&header) => {
            ScoredTable::new(*records, header)?.negatives(options.threshold)
        }
        Text::Table(records, header) => parsed(Box::new(Table::new(*records, header)?), &path, options),
        Text::Rows(_) if options.format == Format::ScoredCsv => {
            let problem = "the file holds JSON".to_owned();
            return Err(DataError::Row { path, line: 1, problem, expected: "a table with a header" });
        }
        Text::Rows(rows) => parsed(rows, &path, options),
    })
}

/// Rows as rejected answers, and behind them a complaint if their ratings are on another scale than stars.
fn parsed(rows: Rows, path: &Path, options: &LoadOptions) -> ParsedRows {
    let (options, path) = (*options, path.to_path_buf());
    let mut highest = None;
    let mut rows = rows.fuse();
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        let Some(row) = rows.next() else {
            let low = highest.filter(|&highest| !std::mem::replace(&mut ended, true) && highest < LEAST_TOP);
            return low.map(|highest| Err(Problem::File(DataError::UnknownScale { path: path.clone(), highest })));
        };
        let row = row.and_then(|row| parsed_row(&row, &options).map_err(Problem::Row));
        highest = max(highest, row.as_ref().ok().and_then(|row| row.rating));
        Some(row)
    }))
}

fn max(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}
