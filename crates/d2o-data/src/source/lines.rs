//! Physical lines of a file, numbered; a packed file is unpacked, whatever its name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use super::packing::{Bytes, unpacked};
use crate::error::DataError;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes at the beginning of the content that are looked at to tell what it is.
const HEAD: u64 = 64 * 1024;
/// Bytes that one row may have, so that no file fills the memory.
pub(super) const LONGEST: u64 = 64 * 1024 * 1024;

/// Bytes behind a buffer.
pub(crate) type Source = BufReader<Bytes>;

/// A stream of numbered lines, each with its line ending; it ends with the first error.
pub(crate) struct Lines {
    path: PathBuf,
    head: Vec<u8>,
    reader: Source,
    line: usize,
    failed: bool,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|source| DataError::io(path, source))?;
        Self::new(path, Box::new(file))
    }

    /// The lines of anything that can be read; `path` names it in errors.
    pub(crate) fn new(path: &Path, source: Bytes) -> Result<Self, DataError> {
        let mut content = unpacked(source).map_err(|source| DataError::io(path, source))?;
        let mut head = Vec::new();
        let failed = content.by_ref().take(HEAD).read_to_end(&mut head).err();
        // What could be read comes first, then what went wrong.
        let content: Bytes = match failed {
            Some(error) => Box::new(Cursor::new(head.clone()).chain(Failure(Some(error)))),
            None => Box::new(Cursor::new(head.clone()).chain(content)),
        };
        if head.starts_with(BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Self { path: path.to_path_buf(), head, reader: BufReader::new(content), line: 0, failed: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The first bytes of the content, without a byte order mark: all of it, if it is short.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Number of the line that was read last, from 1; 0 before the first.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The next line with its ending, without a byte order mark; none at the end.
    pub(crate) fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        if self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        if bytes.len() as u64 == LONGEST && bytes.last() != Some(&b'\n') {
            return Err(too_long());
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
                Some(Err(DataError::Damaged { path: self.path.clone(), line: self.line + 1, source }))
            }
        }
    }
}

/// What is said about a row that never ends.
pub(super) fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a row has more than 64 MiB")
}

/// Fails once, then is at its end.
struct Failure(Option<io::Error>);

impl Read for Failure {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
