//! Files that are either whole or absent: written aside, synced, renamed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::TrainError;

/// Attaches the path to an I/O error.
pub fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T, TrainError> {
    result.map_err(|source| TrainError::Io { path: path.to_path_buf(), source })
}

/// Writes `bytes` to `path` so that a crash leaves the old file or the new one, never half of it.
///
/// # Errors
/// [`TrainError::Io`] naming the file; the old content, if any, is untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    at(path, write_whole(path, bytes))
}

/// [`write()`] with the system's own error.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write_through(path, &aside(path), bytes)
}

/// The same for a file that several processes may write at once, such as those that fill one cache: each writes
/// aside under a name of its own, and the last one stays.
///
/// # Errors
/// As [`write()`].
pub fn write_shared(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    at(path, write_through(path, &aside(path).with_extension(std::process::id().to_string()), bytes))
}

fn write_through(path: &Path, aside: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let written = synced(aside, bytes).and_then(|()| fs::rename(aside, path));
    if written.is_err() {
        // Best effort: the error that matters is already on its way.
        let _ = fs::remove_file(aside);
    }
    written?;
    synced_parent(path)
}

/// Writes and syncs a file under its final name, for use inside a directory that is renamed later.
pub fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    at(path, synced(path, bytes))
}

fn synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename of `path` itself durable.
pub fn sync_parent(path: &Path) -> Result<(), TrainError> {
    at(path, synced_parent(path))
}

fn synced_parent(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) if cfg!(unix) => File::open(parent).and_then(|dir| dir.sync_all()),
        _ => Ok(()),
    }
}

fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

/// Hexadecimal SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Hexadecimal SHA-256 of a file, read in pieces.
///
/// # Errors
/// [`TrainError::Io`] if it cannot be read.
pub fn sha256_file(path: &Path) -> Result<String, TrainError> {
    let mut file = at(path, File::open(path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        let read = at(path, std::io::Read::read(&mut file, &mut buffer))?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        // A directory in the way of the aside file makes the write fail.
        fs::create_dir(aside(&path)).unwrap();
        let error = write(&path, b"newer").unwrap_err();
        assert!(error.to_string().contains("a.json"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn known_digest() {
        // FIPS 180-4's test vector for "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        fs::write(&path, b"abc").unwrap();
        assert_eq!(sha256_file(&path).unwrap(), expected);
    }
}
