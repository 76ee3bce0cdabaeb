//! CSV records with the physical line on which each begins.

use csv::{ReaderBuilder, StringRecord};

use crate::error::DataError;
use crate::lines::Lines;

/// Records of a CSV file, streamed; lines that begin with `#` before the first record are comments.
pub(crate) struct Records {
    lines: Lines,
    begun: bool,
}

/// Where in a record a line ends.
#[derive(Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quote inside quotes: the end, or the first half of an escaped quote.
    AfterQuote,
}

impl State {
    fn step(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::FieldStart, b'"') | (Self::AfterQuote, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::AfterQuote,
            (Self::Quoted, _) => Self::Quoted,
            (_, b',') => Self::FieldStart,
            _ => Self::Bare,
        }
    }
}

impl Records {
    pub(crate) fn new(lines: Lines) -> Self {
        Self { lines, begun: false }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.lines.path()
    }

    fn record(&self, line: usize, bytes: &[u8]) -> Result<StringRecord, DataError> {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut record = StringRecord::new();
        match reader.read_record(&mut record) {
            Ok(_) => Ok(record),
            Err(error) => Err(self.wrong(line, error.to_string(), "comma-separated text in UTF-8")),
        }
    }

    fn wrong(&self, line: usize, problem: String, expected: &'static str) -> DataError {
        DataError::Row { path: self.lines.path().to_path_buf(), line, problem, expected }
    }
}

impl Iterator for Records {
    type Item = Result<(usize, StringRecord), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record: Option<(usize, Vec<u8>)> = None;
        let mut state = State::FieldStart;
        loop {
            let (line, bytes) = match self.lines.next() {
                Some(Ok(line)) => line,
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    let (line, _) = record?;
                    let problem = "a quoted field is never closed".to_owned();
                    return Some(Err(self.wrong(line, problem, "a closing quote before the end of the file")));
                }
            };
            let comment = !self.begun && bytes.starts_with(b"#");
            let blank = bytes.iter().all(u8::is_ascii_whitespace);
            if record.is_none() && (comment || blank) {
                continue;
            }
            self.begun = true;
            state = bytes.iter().fold(state, |state, &byte| state.step(byte));
            let (start, whole) = record.get_or_insert((line, Vec::new()));
            whole.extend(bytes);
            if state != State::Quoted {
                let (start, whole) = (*start, std::mem::take(whole));
                return Some(self.record(start, &whole).map(|record| (start, record)));
            }
        }
    }
}
