//! The rows of a text, however they stand in it.

use crate::error::DataError;
use crate::formats::{Problem, Table};
use crate::row::Row;
use crate::source::csv_records::{Header, Records};
use crate::source::foreign::foreign_file;
use crate::source::json_values::JsonValues;
use crate::source::layout::Layout;
use crate::source::lines::Lines;

/// Rows, streamed; an error of one row does not end them.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Row, Problem>> + Send>;

/// What a text holds.
pub(crate) enum Text {
    /// Rows with fields.
    Rows(Rows),
    /// A table of which the header is read.
    Table(Box<Records>, Header),
}

/// Looks at the beginning of a text.
///
/// # Errors
/// A file that is no text; a header that cannot be read.
pub(crate) fn text(lines: Lines) -> Result<Text, DataError> {
    if let Some(found) = foreign_file(lines.head()) {
        let (path, what, remedy) = (lines.path().to_path_buf(), found.what, found.remedy);
        return Err(DataError::Foreign { path, what, remedy });
    }
    let path = lines.path().to_path_buf();
    Ok(match Layout::of(lines.head()) {
        Layout::JsonLines => Text::Rows(Box::new(lines.filled().map(move |line| match line {
            Ok((line, bytes)) => Row::parse(&path, line, &bytes).map_err(Problem::Row),
            Err(error) => Err(Problem::File(error)),
        }))),
        Layout::Table(delimiter) => {
            let mut records = Box::new(Records::new(lines, delimiter));
            let header = records.header()?;
            Text::Table(records, header)
        }
        layout => Text::Rows(Box::new(JsonValues::new(lines, layout)?.map(move |value| match value {
            Ok((line, value)) => Row::from_value(&path, line, value).map_err(Problem::Row),
            Err(error) => Err(Problem::File(error)),
        }))),
    })
}

/// The rows of a text, a table's among them.
///
/// # Errors
/// As [`text`].
pub(crate) fn text_rows(lines: Lines) -> Result<Rows, DataError> {
    Ok(match text(lines)? {
        Text::Rows(rows) => rows,
        Text::Table(records, header) => Box::new(Table::new(*records, header)?),
    })
}
