//! Parquet files hold the same rows as JSON lines.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use d2o_data::{DataError, LoadOptions, load_negatives};
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const SCHEMA: &str = "message rows {
    required binary prompt (UTF8);
    optional binary response_0 (UTF8);
    required binary response_1 (UTF8);
    required boolean is_response_0_safe;
    required boolean is_response_1_safe;
}";

/// Three rows: the first answer unsafe, none unsafe, both unsafe with the first one null.
fn write(path: &Path) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    let texts = [["p", "q", "é"].to_vec(), ["bad", "fine"].to_vec(), ["good", "fine", "worse"].to_vec()];
    let levels = [None, Some([1, 1, 0]), None];
    for (texts, levels) in texts.iter().zip(levels) {
        let values: Vec<ByteArray> = texts.iter().map(|&text| text.into()).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, levels.as_ref().map(<[i16; 3]>::as_slice), None).unwrap();
        column.close().unwrap();
    }
    for flags in [[false, true, false], [true, true, false]] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<BoolType>().write_batch(&flags, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    file.close().unwrap();
}

#[test]
fn rows_read_as_from_json_and_complaints_name_row_and_field() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pairs.parquet");
    write(&path);
    let rows: Vec<_> = d2o_data::read_negatives(&path, &LoadOptions::default()).unwrap().collect();
    assert_eq!(rows.len(), 2);
    let first = rows[0].as_ref().unwrap();
    assert_eq!(
        (first.prompt.text().as_str(), first.rejected.as_str(), first.chosen.as_deref()),
        ("p", "bad", Some("good"))
    );
    assert_eq!(first.place.line, 1);
    // The third row's unsafe answer is null.
    let said = rows[1].as_ref().unwrap_err().to_string();
    assert!(said.ends_with("pairs.parquet:3: field `response_0` is null; expected a text"), "{said}");
}

#[test]
fn a_file_that_only_begins_as_parquet_does_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet");
    std::fs::write(&path, b"PAR1 and no more").unwrap();
    let error = load_negatives(&path, &LoadOptions::default()).unwrap_err();
    assert!(matches!(error, DataError::Parquet { .. }) && error.to_string().contains("rows.parquet"), "{error}");
}
