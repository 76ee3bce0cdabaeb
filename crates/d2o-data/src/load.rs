//! Rejected answers of a file, one at a time or all.

use std::io::Read;
use std::path::Path;

use crate::error::DataError;
use crate::formats::{Format, LoadOptions, ParsedRow, ParsedRows, ScoredTable, negatives};
use crate::row::Row;
use crate::sample::NegativeSample;
use crate::source::json_array::Elements;
use crate::source::lines::Lines;

/// All rejected answers of a file, in its order.
///
/// # Errors
/// The first row that cannot be read; [`DataError::NoNegatives`] if no row is a rejected answer.
pub fn load_negatives(path: &Path, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    let mut samples = Vec::new();
    let mut rows = 0;
    let mut highest: Option<f64> = None;
    for row in open(path, options)? {
        let row = row?;
        rows += 1;
        highest = highest.into_iter().chain(row.score).reduce(f64::max);
        samples.extend(row.negatives);
    }
    if samples.is_empty() {
        let scored = options.format.of(path) == Format::ScoredCsv;
        let threshold = scored.then_some(options.threshold);
        return Err(DataError::NoNegatives { path: path.to_path_buf(), threshold, rows, highest });
    }
    Ok(samples)
}

/// The rejected answers of a file, streamed. A name that ends in `.gz` is unpacked on the way.
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
/// `path` names the source in errors, and its ending decides [`Format::Auto`]. Nothing is opened there,
/// and bytes are taken as they are: `.gz` in the name changes nothing.
///
/// # Errors
/// As [`read_negatives`]; Parquet can be read from a file only.
pub fn read_rows<R: Read + Send + 'static>(
    path: &Path,
    source: R,
    options: &LoadOptions,
) -> Result<impl Iterator<Item = Result<NegativeSample, DataError>> + Send + use<R>, DataError> {
    Ok(parse(Lines::new(path, Box::new(source)), options)?.flat_map(flatten))
}

fn flatten(row: Result<ParsedRow, DataError>) -> Vec<Result<NegativeSample, DataError>> {
    match row {
        Ok(parsed) => parsed.negatives.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

fn open(path: &Path, options: &LoadOptions) -> Result<ParsedRows, DataError> {
    if options.format.of(path) == Format::Parquet {
        return parquet(path);
    }
    parse(Lines::open(path)?, options)
}

fn parse(lines: Lines, options: &LoadOptions) -> Result<ParsedRows, DataError> {
    match options.format.of(lines.path()) {
        Format::ScoredCsv => Ok(ScoredTable::new(lines)?.negatives(options.threshold)),
        Format::Parquet => Err(DataError::Row {
            path: lines.path().to_path_buf(),
            line: 1,
            problem: "Parquet cannot be streamed".to_owned(),
            expected: "a file",
        }),
        format => {
            let path = lines.path().to_path_buf();
            if is_array(&path) {
                let row = move |(line, value)| Row::from_value(&path, line, value);
                Ok(parsed(Elements::new(lines)?.map(move |element| element.and_then(&row)), format))
            } else {
                let row = move |(line, bytes): (usize, Vec<u8>)| Row::parse(&path, line, &bytes);
                Ok(parsed(lines.filled().map(move |line| line.and_then(&row)), format))
            }
        }
    }
}

/// Whether a name ends in `.json`: one array instead of a row on every line.
fn is_array(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    name.strip_suffix(".gz").unwrap_or(&name).ends_with(".json")
}

fn parsed(rows: impl Iterator<Item = Result<Row, DataError>> + Send + 'static, format: Format) -> ParsedRows {
    Box::new(rows.map(move |row| Ok(ParsedRow { negatives: negatives(&row?, format)?, score: None })))
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path) -> Result<ParsedRows, DataError> {
    crate::formats::read_parquet(path)
}

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path) -> Result<ParsedRows, DataError> {
    Err(DataError::NotCompiledIn { path: path.to_path_buf(), format: "Parquet", feature: "parquet" })
}
