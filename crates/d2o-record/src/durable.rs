//! Files that are either whole or absent: written aside, synced, renamed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::FileError;

/// Attaches the path to an I/O error.
///
/// # Errors
/// That of `result`.
pub fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T, FileError> {
    result.map_err(|source| FileError { path: path.to_path_buf(), source })
}

/// Writes `bytes` to `path` so that a crash leaves the old file or the new one, never half of it.
///
/// # Errors
/// [`FileError`] naming the file; the old content, if any, is untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    at(path, write_whole(path, bytes))
}

/// [`write()`] with the system's own error.
///
/// # Errors
/// What the system said; the old content, if any, is untouched.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write_through(path, &aside(path), bytes)
}

/// The same for a file that several processes may write at once, such as those that fill one cache: each writes
/// aside under a name of its own, and the last one stays.
///
/// # Errors
/// As [`write()`].
pub fn write_shared(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
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
///
/// # Errors
/// [`FileError`] naming the file.
pub fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    at(path, synced(path, bytes))
}

fn synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename of `path` itself durable: syncs the directory that holds it, where the system has such a thing.
///
/// # Errors
/// [`FileError`] naming the file.
pub fn sync_parent(path: &Path) -> Result<(), FileError> {
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
}
