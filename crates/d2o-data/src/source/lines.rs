//! Physical lines of a file, numbered, unpacked where its name ends in `.gz`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::DataError;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes behind a buffer.
pub(crate) type Source = BufReader<Box<dyn Read + Send>>;

/// A stream of numbered lines, each with its line ending; it ends with the first error.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Source,
    line: usize,
    failed: bool,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|source| DataError::io(path, source))?;
        let packed = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
        Ok(Self::new(path, if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) }))
    }

    pub(crate) fn new(path: &Path, source: Box<dyn Read + Send>) -> Self {
        Self { path: path.to_path_buf(), reader: BufReader::new(source), line: 0, failed: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the line that was read last, from 1; 0 before the first.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The next line with its ending, without a byte order mark; none at the end.
    pub(crate) fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        if self.reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if self.line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(bytes))
    }

    /// The lines that hold anything but space.
    pub(crate) fn filled(self) -> impl Iterator<Item = Result<(usize, Vec<u8>), DataError>> + Send {
        self.filter(|line| !line.as_ref().is_ok_and(|(_, bytes)| bytes.trim_ascii().is_empty()))
    }

    /// The bytes instead of lines, without a byte order mark.
    pub(crate) fn into_bytes(mut self) -> Result<(PathBuf, Source), DataError> {
        let marked = self.reader.fill_buf().map(|bytes| bytes.starts_with(BYTE_ORDER_MARK));
        if marked.map_err(|source| DataError::io(&self.path, source))? {
            self.reader.consume(BYTE_ORDER_MARK.len());
        }
        Ok((self.path, self.reader))
    }
}

impl Iterator for Lines {
    type Item = Result<(usize, Vec<u8>), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.read() {
            Ok(bytes) => bytes.map(|bytes| Ok((self.line, bytes))),
            Err(source) => {
                self.failed = true;
                Some(Err(DataError::io(&self.path, source)))
            }
        }
    }
}
