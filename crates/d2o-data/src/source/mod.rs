//! Bytes of a file as lines, CSV records or elements of a JSON array, each with the line on which it begins.

pub(crate) mod csv_records;
pub(crate) mod json_array;
pub(crate) mod lines;
