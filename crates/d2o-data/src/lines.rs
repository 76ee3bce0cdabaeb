//! Physical lines of a file, numbered, unpacked where its name ends in `.gz`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::DataError;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A stream of numbered lines, each with its line ending; it ends with the first error.
pub(crate) struct Lines {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
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

    /// The lines that hold anything but space.
    pub(crate) fn filled(self) -> impl Iterator<Item = Result<(usize, Vec<u8>), DataError>> + Send {
        self.filter(|line| !line.as_ref().is_ok_and(|(_, bytes)| bytes.trim_ascii().is_empty()))
    }
}

impl Iterator for Lines {
    type Item = Result<(usize, Vec<u8>), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let mut bytes = Vec::new();
        match self.reader.read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(_) => {
                self.line += 1;
                if self.line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
                    bytes.drain(..BYTE_ORDER_MARK.len());
                }
                Some(Ok((self.line, bytes)))
            }
            Err(source) => {
                self.failed = true;
                Some(Err(DataError::io(&self.path, source)))
            }
        }
    }
}
