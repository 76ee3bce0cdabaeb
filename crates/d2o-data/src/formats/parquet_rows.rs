//! Rows of a Parquet file, with the same fields as JSON lines.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::SerializedFileReader;
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde_json::{Map, Value};

use super::format::Format;
use super::parsed::{ParsedRow, ParsedRows};
use super::rows::negatives;
use crate::error::DataError;
use crate::row::Row;
use crate::sample::Place;

/// The rejected answers of each row; lines are row numbers, from 1.
pub(crate) fn read(path: &Path) -> Result<ParsedRows, DataError> {
    let file = File::open(path).map_err(|source| DataError::io(path, source))?;
    let path = path.to_path_buf();
    let place = path.clone();
    let wrong = move |source: parquet::errors::ParquetError| DataError::Parquet {
        path: path.clone(),
        source: Box::new(source),
    };
    let reader = SerializedFileReader::new(file).map_err(&wrong)?;
    let rows = RowIter::from_file_into(Box::new(reader)).enumerate();
    Ok(Box::new(rows.map(move |(index, row)| {
        let fields = object(row.map_err(&wrong)?);
        let row = Row::new(fields, Place::new(&place, index + 1));
        Ok(ParsedRow { negatives: negatives(&row, Format::Auto)?, score: None })
    })))
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
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => list.elements().iter().cloned().map(value).collect(),
        _ => Value::Null,
    }
}
