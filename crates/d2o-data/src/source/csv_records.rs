//! Records of a table with the physical line on which each begins.

use std::io::{self, Cursor, Read};
use std::path::Path;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::lines::{LONGEST, Lines, too_long};
use crate::error::DataError;

/// Records of a table, streamed; lines that begin with `#` before the first record are comments.
pub(crate) struct Records {
    reader: Reader<LineByLine>,
}

impl Records {
    /// The records of a text with this byte between cells.
    pub(crate) fn new(lines: Lines, delimiter: u8) -> Self {
        let source = LineByLine { lines, line: Cursor::default(), begun: false, ended: false, left: LONGEST };
        let mut reader = ReaderBuilder::new();
        reader.has_headers(false).flexible(true).delimiter(delimiter);
        Self { reader: reader.from_reader(source) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.reader.get_ref().lines.path()
    }

    /// The next record as a header; without names at the end of the file.
    pub(crate) fn header(&mut self) -> Result<Header, DataError> {
        let Some(record) = self.next() else { return Ok(Header { line: 1, names: Vec::new() }) };
        let (line, record) = record?;
        Ok(Header { line, names: record?.iter().map(|name| name.trim().to_owned()).collect() })
    }

    fn record(&self, record: ByteRecord) -> Result<(usize, Record), DataError> {
        let source = self.reader.get_ref();
        let line_breaks = record.iter().flatten().filter(|&&byte| byte == b'\n').count();
        // Every line ends in a break, so only an open quote can have swallowed the last one.
        if source.ended {
            let line = source.lines.line() + 1 - line_breaks;
            let problem = "a quoted field is never closed".to_owned();
            return Err(self.wrong(line, problem, "a closing quote before the end of the file"));
        }
        let line = source.lines.line() - line_breaks;
        let text = StringRecord::from_byte_record(record);
        Ok((line, text.map_err(|error| self.wrong(line, error.to_string(), "cells of text in UTF-8"))))
    }

    fn wrong(&self, line: usize, problem: String, expected: &'static str) -> DataError {
        DataError::Row { path: self.path().to_path_buf(), line, problem, expected }
    }

    fn failed(&self, error: csv::Error) -> DataError {
        let text = error.to_string();
        match error.into_kind() {
            ErrorKind::Io(source) => {
                let line = self.reader.get_ref().lines.line() + 1;
                DataError::Damaged { path: self.path().to_path_buf(), line, source }
            }
            _ => self.wrong(self.reader.get_ref().lines.line(), text, "cells of text in UTF-8"),
        }
    }
}

/// The names of a table's columns, and their line.
pub(crate) struct Header {
    pub(crate) line: usize,
    pub(crate) names: Vec<String>,
}

/// A record, or what is wrong with this one alone.
pub(crate) type Record = Result<StringRecord, DataError>;

impl Iterator for Records {
    /// A record with its line; an error of the outer kind is the end.
    type Item = Result<(usize, Record), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = ByteRecord::new();
        loop {
            self.reader.get_mut().left = LONGEST;
            match self.reader.read_byte_record(&mut record) {
                Ok(false) => return None,
                Ok(true) if is_blank(&record) && !self.reader.get_ref().ended => {}
                Ok(true) => return Some(self.record(record)),
                Err(error) => return Some(Err(self.failed(error))),
            }
        }
    }
}

/// Whether a record is a line of nothing but space.
fn is_blank(record: &ByteRecord) -> bool {
    record.len() == 1 && record[0].iter().all(u8::is_ascii_whitespace)
}

/// A source that gives at most one line a read, so that the CSV reader never knows more than the line it is on.
struct LineByLine {
    lines: Lines,
    line: Cursor<Vec<u8>>,
    /// Whether the comments at the top are over.
    begun: bool,
    ended: bool,
    /// Bytes that the record may still have.
    left: u64,
}

impl Read for LineByLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line.position() == self.line.get_ref().len() as u64 {
            self.line = Cursor::new(self.next_line()?);
        }
        self.line.read(buffer)
    }
}

impl LineByLine {
    /// The next line that is no comment, with a line break at its end; empty at the end of the file.
    fn next_line(&mut self) -> io::Result<Vec<u8>> {
        while let Some(mut bytes) = self.lines.read()? {
            self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(too_long)?;
            self.begun |= !bytes.starts_with(b"#") && !bytes.trim_ascii().is_empty();
            if self.begun {
                if bytes.last() != Some(&b'\n') {
                    bytes.push(b'\n');
                }
                return Ok(bytes);
            }
        }
        self.ended = true;
        Ok(Vec::new())
    }
}
