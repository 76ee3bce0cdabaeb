//! SHA-256 of bytes and files, in hexadecimal.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::durable::at;
use crate::error::FileError;

/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 20;

/// Hexadecimal SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Hexadecimal SHA-256 of a file, read in pieces.
///
/// # Errors
/// [`FileError`] if it cannot be read.
pub fn sha256_file(path: &Path) -> Result<String, FileError> {
    let mut file = at(path, File::open(path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; PIECE];
    loop {
        let read = at(path, file.read(&mut buffer))?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

/// Bytes in hexadecimal, two lower-case digits each.
#[must_use]
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digest() {
        // FIPS 180-4's test vector for "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(sha256_file(&path).unwrap(), expected);
    }
}
