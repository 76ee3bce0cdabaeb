//! The elements of one JSON array, each with the line on which it begins; one element is held at a time.

use std::io::{self, Read};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Deserializer, Value};

use super::lines::{Lines, Source};
use crate::error::DataError;

/// The elements of an array, streamed; it ends with the first error.
pub(crate) struct Elements {
    path: PathBuf,
    bytes: Bytes,
    begun: bool,
    ended: bool,
}

impl Elements {
    pub(crate) fn new(lines: Lines) -> Result<Self, DataError> {
        let (path, source) = lines.into_bytes()?;
        Ok(Self { path, bytes: Bytes { source, line: 1, last: None, again: false }, begun: false, ended: false })
    }

    fn step(&mut self) -> Result<Option<(usize, Value)>, DataError> {
        let begins = !std::mem::replace(&mut self.begun, true);
        match (self.mark()?, begins) {
            (Some(b'['), true) => match self.mark()? {
                Some(b']') => return self.end(),
                _ => self.bytes.back(),
            },
            (Some(b','), false) => {}
            (Some(b']'), false) => return self.end(),
            (found, _) => return Err(self.unexpected(found, if begins { "`[`" } else { "`,` or `]`" })),
        }
        let Some(first) = self.mark()? else {
            return Err(self.wrong(self.bytes.line, "the file ends inside the array", true));
        };
        self.bytes.back();
        let line = self.bytes.line;
        let element = Value::deserialize(&mut Deserializer::from_reader(&mut self.bytes));
        if first == b'-' || first.is_ascii_digit() {
            // Only what follows a number tells that it is over.
            self.bytes.back();
        }
        element.map(|element| Some((line, element))).map_err(|error| self.failed(line, error))
    }

    fn end(&mut self) -> Result<Option<(usize, Value)>, DataError> {
        self.ended = true;
        match self.mark()? {
            None => Ok(None),
            found => Err(self.unexpected(found, "nothing behind the array")),
        }
    }

    /// The next byte that is no space; none at the end.
    fn mark(&mut self) -> Result<Option<u8>, DataError> {
        loop {
            match self.bytes.next() {
                Ok(Some(space)) if space.is_ascii_whitespace() => {}
                Ok(mark) => return Ok(mark),
                Err(source) => return Err(DataError::io(&self.path, source)),
            }
        }
    }

    fn unexpected(&self, found: Option<u8>, expected: &str) -> DataError {
        let found = found.map_or("the file ends".to_owned(), |byte| format!("found `{}`", byte.escape_ascii()));
        self.wrong(self.bytes.line, &format!("{found}, expected {expected}"), found == "the file ends")
    }

    /// An error of the parser, which counts lines from the element's own beginning.
    fn failed(&self, line: usize, error: serde_json::Error) -> DataError {
        if error.is_io() {
            return DataError::io(&self.path, error.into());
        }
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        self.wrong(line + error.line() - 1, what, error.is_eof())
    }

    fn wrong(&self, line: usize, problem: &str, cut: bool) -> DataError {
        DataError::Json { path: self.path.clone(), line, problem: problem.to_owned(), cut }
    }
}

impl Iterator for Elements {
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
}

impl Bytes {
    fn next(&mut self) -> io::Result<Option<u8>> {
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
