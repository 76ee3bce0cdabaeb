//! Files that are either whole or absent: written aside, synced, renamed.
//!
//! What is written aside has a name of this process's own, `.NAME.partial-PROCESS-NUMBER`, so that two processes never
//! write into the same file; [`remove_partial`] clears away what processes that were killed have left.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::FileError;
use crate::process;
use crate::storage::{self, File};

/// What the name of something half-written holds behind its own name.
const PARTIAL: &str = ".partial";

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
    write_aside(path, |file| file.write_all(bytes), |error| error)
}

/// [`write_whole`] for a file that several processes may write at once, such as those that fill one cache: the last one
/// stays. What killed ones have left aside goes.
///
/// # Errors
/// As [`write_whole`].
pub fn write_shared(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    remove_partial(parent, Some(&name), &[&name]).map_err(|error| error.source)?;
    write_whole(path, bytes)
}

/// Lets `write` fill a file aside, syncs it and gives it the name `path`; `error` makes an error of what the system says.
///
/// # Errors
/// Those of `write`, or what the system said; the old content, if any, is untouched.
pub fn write_aside<E>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
    error: impl Fn(std::io::Error) -> E,
) -> Result<(), E> {
    let aside = aside(path);
    let written = File::create(&aside).map_err(&error).and_then(|mut file| {
        write(&mut file)?;
        file.sync().and_then(|()| storage::rename(&aside, path)).map_err(&error)
    });
    if written.is_err() {
        // Best effort: the error that matters is already on its way.
        let _ = storage::remove_file(&aside);
    }
    written?;
    synced_parent(path).map_err(&error)
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
    file.sync()
}

/// Makes the rename of `path` itself durable: syncs the directory that holds it, where the system has such a thing.
///
/// # Errors
/// [`FileError`] naming the file.
pub fn sync_parent(path: &Path) -> Result<(), FileError> {
    at(path, synced_parent(path))
}

fn synced_parent(path: &Path) -> std::io::Result<()> {
    storage::sync_dir(path.parent().unwrap_or(Path::new("")))
}

/// A name beside `path` that nobody else uses.
#[must_use]
pub fn aside(path: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}{PARTIAL}-{}-{number}", std::process::id()))
}

/// Removes what processes that were killed have left half-written in `dir`, of the name `only` or of any.
///
/// Whoever calls this holds the lock of `dir`. Names in `shared` are written without it: of those, what a living
/// process writes stays.
///
/// # Errors
/// [`FileError`] naming what cannot be listed or removed.
pub fn remove_partial(dir: &Path, only: Option<&str>, shared: &[&str]) -> Result<(), FileError> {
    let listing = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        listing => at(dir, listing)?,
    };
    for entry in listing {
        let entry = at(dir, entry)?;
        let name = entry.file_name();
        let Some((whole, writer)) = name.to_str().and_then(partial) else { continue };
        let lives = shared.contains(&whole) && writer.is_some_and(process::lives);
        if lives || only.is_some_and(|only| only != whole) {
            continue;
        }
        let path = entry.path();
        let is_dir = at(&path, entry.file_type())?.is_dir();
        at(&path, if is_dir { storage::remove_dir_all(&path) } else { storage::remove_file(&path) })?;
    }
    Ok(())
}

/// Of the name of something half-written: the name that it was to have, and the process that wrote it, if it says so.
fn partial(name: &str) -> Option<(&str, Option<u32>)> {
    let (whole, rest) = name.strip_prefix('.')?.rsplit_once(PARTIAL)?;
    if rest.is_empty() {
        return Some((whole, None));
    }
    let (writer, number) = rest.strip_prefix('-')?.split_once('-')?;
    let (writer, _) = (writer.parse().ok()?, number.parse::<u64>().ok()?);
    Some((whole, Some(writer)))
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
        let error = write(&path.join("below a file"), b"newer").unwrap_err();
        assert!(error.to_string().contains("below a file"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn what_the_killed_have_left_goes_and_what_the_living_write_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (path, page) = (dir.path().join("a.json"), dir.path().join("page.html"));
        let ours = aside(&page);
        // No process has the largest number there is.
        let killed = ".page.html.partial-4294967295-3";
        for name in [".a.json.partial", ".a.json.partial-7-0", killed, ".other.partial-x", "a.json"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join(".step-000001.partial-7-1")).unwrap();
        fs::write(dir.path().join(".step-000001.partial-7-1/state.json"), "").unwrap();
        fs::write(&ours, "").unwrap();
        remove_partial(dir.path(), Some("a.json"), &[]).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);
        remove_partial(dir.path(), None, &["page.html"]).unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.sort();
        assert_eq!(left, [dir.path().join(".other.partial-x"), ours, path]);
        remove_partial(&dir.path().join("nowhere"), None, &[]).unwrap();
    }

    #[test]
    fn a_shared_file_outlives_those_who_were_killed_writing_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("page.html");
        let living = dir.path().join(format!(".page.html.partial-{}-0", std::process::id()));
        for name in [Path::new(".page.html.partial-4294967295-3"), &living] {
            fs::write(dir.path().join(name), "half").unwrap();
        }
        write_shared(&path, b"whole").unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.sort();
        assert_eq!(left, [living, path.clone()]);
        assert_eq!(fs::read(path).unwrap(), b"whole");
    }
}
