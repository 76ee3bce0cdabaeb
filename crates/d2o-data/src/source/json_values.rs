//! The rows of a JSON text that is not one row a line, each with the line on which it begins; one is held at a time.

use std::io::{self, Read};
use std::path::PathBuf;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Deserializer, Value};

use super::layout::{Layout, ROW_LISTS};
use super::lines::{LONGEST, Lines, Source};
use crate::error::DataError;

/// Fields of a document that hold rows for another use than training.
const SPLITS: [&str; 5] = ["dev", "eval", "test", "valid", "validation"];

/// The rows of a list, of a document's list, or one behind the other, streamed; it ends with the first error.
pub(crate) struct JsonValues {
    path: PathBuf,
    bytes: Bytes,
    layout: Layout,
    begun: bool,
    ended: bool,
}

impl JsonValues {
    /// The rows of a text with this layout: anything but lines and tables.
    pub(crate) fn new(lines: Lines, layout: Layout) -> Result<Self, DataError> {
        let (path, source) = lines.into_bytes()?;
        let bytes = Bytes { source, line: 1, last: None, again: false, left: LONGEST };
        Ok(Self { path, bytes, layout, begun: false, ended: false })
    }

    fn step(&mut self) -> Result<Option<(usize, Value)>, DataError> {
        if self.layout == Layout::JsonObjects {
            return match self.peek()? {
                None => Ok(None),
                Some(_) => self.row().map(Some),
            };
        }
        let begins = !std::mem::replace(&mut self.begun, true);
        if begins {
            self.enter()?;
        }
        match (self.mark()?, begins) {
            (Some(b']'), _) => return self.leave().map(|()| None),
            (Some(b','), false) => {}
            (_, true) => self.bytes.back(),
            (found, false) => return Err(self.unexpected(found, "`,` or `]`")),
        }
        self.row().map(Some)
    }

    /// Goes into the list of rows.
    fn enter(&mut self) -> Result<(), DataError> {
        if self.layout == Layout::JsonList {
            return self.expect(b'[', "`[`");
        }
        self.expect(b'{', "`{`")?;
        loop {
            let name: String = self.parse()?;
            self.expect(b':', "`:`")?;
            if ROW_LISTS.contains(&name.as_str()) && self.peek()? == Some(b'[') {
                return self.expect(b'[', "`[`");
            }
            self.parse::<IgnoredAny>()?;
            self.expect(b',', "`,` and the list of rows")?;
        }
    }

    /// Reads what follows the list of rows, to the end of the file.
    fn leave(&mut self) -> Result<(), DataError> {
        self.ended = true;
        while self.layout == Layout::JsonDocument {
            match self.mark()? {
                Some(b'}') => break,
                Some(b',') => {}
                found => return Err(self.unexpected(found, "`,` or `}`")),
            }
            let line = self.bytes.line;
            let name: String = self.parse()?;
            self.expect(b':', "`:`")?;
            let named = ROW_LISTS.contains(&name.as_str()) || SPLITS.contains(&name.as_str());
            if named && self.parse::<Value>()?.as_array().is_some_and(|list| list.iter().any(Value::is_object)) {
                let (path, problem) = (self.path.clone(), format!("`{name}` is a second list of rows"));
                return Err(DataError::Row { path, line, problem, expected: "one list, in a file of its own" });
            } else if !named {
                self.parse::<IgnoredAny>()?;
            }
        }
        match self.mark()? {
            None => Ok(()),
            found => Err(self.unexpected(found, "nothing behind the array")),
        }
    }

    /// The next value with its line.
    fn row(&mut self) -> Result<(usize, Value), DataError> {
        self.peek()?;
        Ok((self.bytes.line, self.parse()?))
    }

    fn parse<T: DeserializeOwned>(&mut self) -> Result<T, DataError> {
        let Some(first) = self.peek()? else {
            return Err(self.wrong(self.bytes.line, "the file ends inside the array", true));
        };
        let line = self.bytes.line;
        self.bytes.left = LONGEST;
        let value = T::deserialize(&mut Deserializer::from_reader(&mut self.bytes));
        if first == b'-' || first.is_ascii_digit() {
            // Only what follows a number tells that it is over.
            self.bytes.back();
        }
        value.map_err(|error| self.failed(line, error))
    }

    fn expect(&mut self, byte: u8, expected: &str) -> Result<(), DataError> {
        match self.mark()? {
            Some(found) if found == byte => Ok(()),
            found => Err(self.unexpected(found, expected)),
        }
    }

    /// The next byte that is no space; none at the end.
    fn mark(&mut self) -> Result<Option<u8>, DataError> {
        loop {
            self.bytes.left = LONGEST;
            match self.bytes.next() {
                Ok(Some(space)) if space.is_ascii_whitespace() => {}
                Ok(mark) => return Ok(mark),
                Err(source) => return Err(self.damaged(source)),
            }
        }
    }

    /// The same, and it stays the next one.
    fn peek(&mut self) -> Result<Option<u8>, DataError> {
        let mark = self.mark()?;
        self.bytes.back();
        Ok(mark)
    }

    fn unexpected(&self, found: Option<u8>, expected: &str) -> DataError {
        let found = found.map_or("the file ends".to_owned(), |byte| format!("found `{}`", byte.escape_ascii()));
        self.wrong(self.bytes.line, &format!("{found}, expected {expected}"), found == "the file ends")
    }

    /// An error of the parser, which counts lines from the value's own beginning.
    fn failed(&self, line: usize, error: serde_json::Error) -> DataError {
        if error.is_io() {
            return self.damaged(error.into());
        }
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        self.wrong(line + error.line().saturating_sub(1), what, error.is_eof())
    }

    fn damaged(&self, source: io::Error) -> DataError {
        DataError::Damaged { path: self.path.clone(), line: self.bytes.line, source }
    }

    fn wrong(&self, line: usize, problem: &str, cut: bool) -> DataError {
        DataError::Json { path: self.path.clone(), line, problem: problem.to_owned(), cut }
    }
}

impl Iterator for JsonValues {
    type Item = Result<(usize, Value), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step().transpose();
        self.ended |= matches!(step, Some(Err(_)));
        step
    }
}

/// Bytes with the line of the next one, of which the last can be read again.
struct Bytes {
    source: Source,
    line: usize,
    last: Option<u8>,
    again: bool,
    /// Bytes that the value that is being read may still have.
    left: u64,
}

impl Bytes {
    fn next(&mut self) -> io::Result<Option<u8>> {
        self.left = self.left.checked_sub(1).ok_or_else(super::lines::too_long)?;
        if !std::mem::take(&mut self.again) {
            self.last = self.source.by_ref().bytes().next().transpose()?;
        }
        self.line += usize::from(self.last == Some(b'\n'));
        Ok(self.last)
    }

    /// Gives the last byte once more.
    fn back(&mut self) {
        self.line -= usize::from(self.last == Some(b'\n'));
        self.again = true;
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(first) = buffer.first_mut() else { return Ok(0) };
        Ok(self.next()?.map(|byte| *first = byte).is_some().into())
    }
}
