//! Bytes of a file as lines, table records or JSON values, each with the line on which it begins; what a file is, is
//! told by its content, never by its name.

pub(crate) mod csv_records;
pub(crate) mod foreign;
pub(crate) mod json_values;
pub(crate) mod layout;
pub(crate) mod lines;
pub(crate) mod packing;
