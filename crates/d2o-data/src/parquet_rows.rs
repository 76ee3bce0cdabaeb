//! Rows of a Parquet file, with the same fields as JSON lines.

use std::fs::File;
use std::path::Path;

use d2o_text::contained;
use parquet::errors::ParquetError;
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde_json::{Map, Value};

use crate::error::DataError;
use crate::formats::Problem;
use crate::parquet_pages::PackedFile;
use crate::row::Row;
use crate::rows::Rows;
use crate::sample::Place;

/// What a Parquet file begins and ends with.
pub(crate) const MARK: &[u8] = b"PAR1";

/// The rows; lines are row numbers, from 1.
///
/// # Errors
/// A file whose end does not describe what is in it.
pub(crate) fn read(path: &Path, file: File) -> Result<Rows, DataError> {
    let opened = safely(|| PackedFile::new(file)).map_err(|source| unreadable(path, source))?;
    let mut rows = RowIter::from_file_into(Box::new(opened));
    let (path, mut line, mut ended) = (path.to_path_buf(), 0, false);
    Ok(Box::new(std::iter::from_fn(move || {
        // Behind an error the reader no longer knows where it is.
        if ended {
            return None;
        }
        let row = safely(|| rows.next().transpose()).transpose()?;
        ended = row.is_err();
        line += 1;
        let row = row.map(|row| Row::new(object(row), Place::new(&path, line)));
        Some(row.map_err(|source| Problem::File(unreadable(&path, source))))
    })))
}

/// What the reader says; it panics on some damaged files.
fn safely<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    contained(read).unwrap_or_else(|panic| Err(ParquetError::General(panic)))
}

fn unreadable(path: &Path, source: ParquetError) -> DataError {
    DataError::Parquet { path: path.to_path_buf(), source: Box::new(source) }
}

fn object(row: parquet::record::Row) -> Map<String, Value> {
    row.into_columns().into_iter().map(|(name, field)| (name, value(field))).collect()
}

/// A field as JSON; dates, decimals and maps have no use here and become null.
fn value(field: Field) -> Value {
    match field {
        Field::Bool(flag) => flag.into(),
        Field::Byte(number) => number.into(),
        Field::Short(number) => number.into(),
        Field::Int(number) => number.into(),
        Field::Long(number) => number.into(),
        Field::UByte(number) => number.into(),
        Field::UShort(number) => number.into(),
        Field::UInt(number) => number.into(),
        Field::ULong(number) => number.into(),
        Field::Float(number) => number.into(),
        Field::Double(number) => number.into(),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => list.elements().iter().cloned().map(value).collect(),
        _ => Value::Null,
    }
}
