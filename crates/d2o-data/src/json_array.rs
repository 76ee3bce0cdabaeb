//! The elements of one JSON array, each with the line on which it begins.

use std::path::PathBuf;

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::error::DataError;
use crate::lines::Lines;

/// The elements of an array as they are written; it ends with the first error.
pub(crate) struct Elements {
    path: PathBuf,
    text: Vec<u8>,
    /// Bytes read so far.
    at: usize,
    /// Line of the byte at `at`, from 1.
    line: usize,
    begun: bool,
    ended: bool,
}

impl Elements {
    /// Reads the whole file: an array has no rows that stand alone.
    pub(crate) fn read(lines: Lines) -> Result<Self, DataError> {
        let path = lines.path().to_path_buf();
        let mut text = Vec::new();
        for line in lines {
            text.extend(line?.1);
        }
        Ok(Self { path, text, at: 0, line: 1, begun: false, ended: false })
    }

    fn step(&mut self) -> Result<Option<(usize, Vec<u8>)>, DataError> {
        let begins = !std::mem::replace(&mut self.begun, true);
        match (self.mark(), begins) {
            (Some(b'['), true) => {
                if self.mark_if(b']') {
                    return self.end();
                }
            }
            (Some(b','), false) => {}
            (Some(b']'), false) => return self.end(),
            (found, _) => return Err(self.unexpected(found, if begins { "`[`" } else { "`,` or `]`" })),
        }
        self.skip_space();
        let (line, rest) = (self.line, &self.text[self.at..]);
        let mut stream = Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        match stream.next() {
            Some(Ok(_)) => {
                let element = rest[..stream.byte_offset()].to_vec();
                self.advance(element.len());
                Ok(Some((line, element)))
            }
            Some(Err(error)) => {
                let text = error.to_string();
                let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
                Err(self.wrong(line + error.line() - 1, what, error.is_eof()))
            }
            None => Err(self.wrong(line, "the file ends inside the array", true)),
        }
    }

    fn end(&mut self) -> Result<Option<(usize, Vec<u8>)>, DataError> {
        self.ended = true;
        match self.mark() {
            None => Ok(None),
            found => Err(self.unexpected(found, "nothing behind the array")),
        }
    }

    fn mark(&mut self) -> Option<u8> {
        self.skip_space();
        let mark = self.text.get(self.at).copied();
        self.advance(usize::from(mark.is_some()));
        mark
    }

    fn mark_if(&mut self, expected: u8) -> bool {
        self.skip_space();
        let found = self.text.get(self.at) == Some(&expected);
        self.advance(usize::from(found));
        found
    }

    fn skip_space(&mut self) {
        let space = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.advance(space);
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.text[self.at..self.at + bytes];
        self.line += passed.iter().filter(|&&byte| byte == b'\n').count();
        self.at += bytes;
    }

    fn unexpected(&self, found: Option<u8>, expected: &str) -> DataError {
        let found = found.map_or("the file ends".to_owned(), |byte| format!("found `{}`", byte.escape_ascii()));
        self.wrong(self.line, &format!("{found}, expected {expected}"), found == "the file ends")
    }

    fn wrong(&self, line: usize, problem: &str, cut: bool) -> DataError {
        DataError::Json { path: self.path.clone(), line, problem: problem.to_owned(), cut }
    }
}

impl Iterator for Elements {
    type Item = Result<(usize, Vec<u8>), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step().transpose();
        self.ended |= matches!(step, Some(Err(_)));
        step
    }
}
