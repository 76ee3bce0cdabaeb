//! One process at a time: who writes into a directory locks it.
//!
//! The lock is the system's (`flock` and its like): it ends with its process, however that ends, so one that was killed
//! is in nobody's way. The locked file says who holds it. A command that is refused leaves nothing behind: the file
//! goes with the lock, and so do the directories that were made for it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::durable::at;
use crate::error::FileError;
use crate::process;

/// Name of the lock of a directory.
const NAME: &str = ".lock";

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Number of the process.
    pub process: u32,
    /// Name of its machine.
    pub host: String,
    /// Its command line.
    pub command: String,
    /// When it took the lock, seconds since 1970.
    pub since: u64,
}

impl Holder {
    fn this() -> Self {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            process: std::process::id(),
            host: process::host(),
            command: words.collect::<Vec<_>>().join(" "),
            since: since.map_or(0, |duration| duration.as_secs()),
        }
    }

    /// Whether it is known to run no more: it was on this machine, and its number is free or somebody else's.
    fn is_gone(&self) -> bool {
        // A process that began later than the lock was taken has only inherited the number; clocks may differ by a second.
        let ours = self.host == process::host();
        ours && process::started(self.process).is_none_or(|began| began > self.since + 1)
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { process, host, command, since } = self;
        let since = i64::try_from(*since).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        write!(out, "process {process} on {host}")?;
        if let Some(since) = since {
            write!(out, " since {since}")?;
        }
        write!(out, ": `{command}`")
    }
}

/// Why a lock cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("{}: in use by {}", path.display(), holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string))]
    Held {
        /// What it works on.
        path: PathBuf,
        /// The file that says so.
        lock: PathBuf,
        /// Who it is, as far as the file tells.
        holder: Option<Box<Holder>>,
        /// Whether the system says so; without locks it is only written.
        certain: bool,
    },
    /// The directory or the lock cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
}

impl LockError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Held { certain: true, .. } => {
                Some("wait until it has ended, or choose another directory with --out".to_owned())
            }
            Self::Held { lock, .. } => {
                Some(format!("this file system knows no locks: if that process has ended, remove {}", lock.display()))
            }
            Self::File(error) => error.hint(),
        }
    }

    /// Whether the user's input is at fault rather than the program or the machine.
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Held { .. } => true,
            Self::File(error) => error.is_user_error(),
        }
    }
}

/// The right to write into a directory, until it is dropped.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    file: File,
    /// What a killed process had left in the file, if there was one.
    before: Option<Vec<u8>>,
    /// Directories that were made for it, the innermost first.
    made: Vec<PathBuf>,
    accepted: bool,
    has_locks: bool,
}

impl RunLock {
    /// Locks the directory `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] at once if another process, or another part of this one, holds it.
    pub fn directory(dir: &Path) -> Result<Self, LockError> {
        Self::take(dir, &dir.join(NAME), File::try_lock)
    }

    /// Locks the name `path`, a file or a directory that is about to be replaced, by a file beside it.
    ///
    /// # Errors
    /// As [`directory`](Self::directory).
    pub fn beside(path: &Path) -> Result<Self, LockError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::take(path, &path.with_file_name(format!(".{name}{NAME}")), File::try_lock)
    }

    /// What is made from here on stays: without this, dropping the lock leaves all as it was.
    pub fn accept(&mut self) {
        self.accepted = true;
    }

    /// What the user should know where the file system has no locks.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let text = "this file system knows no locks: only processes of this machine are seen to have ended";
        (!self.has_locks).then(|| format!("{}: {text}", self.path.display()))
    }

    fn take(of: &Path, path: &Path, try_lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Self, LockError> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let mut made = Vec::new();
        loop {
            made.extend(make(parent)?);
            match Self::attempt(of, path, &try_lock) {
                Ok(Some(mut lock)) => {
                    lock.made = made;
                    return Ok(lock);
                }
                // Whoever held it has removed the file, perhaps with its directory: there is a new one to be made.
                Ok(None) => {}
                Err(error) => {
                    unmake(&made);
                    return Err(error);
                }
            }
        }
    }

    /// One try; nothing if the file was removed meanwhile.
    fn attempt(
        of: &Path,
        path: &Path,
        try_lock: &impl Fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Option<Self>, LockError> {
        let created = File::options().read(true).write(true).create_new(true).open(path);
        let (mut file, new) = match created {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match File::options().read(true).write(true).open(path) {
                    Ok(file) => (file, false),
                    Err(error) if error.kind() == io::ErrorKind::NotFound && !is_dangling(path) => return Ok(None),
                    Err(source) => return Err(FileError { path: path.to_path_buf(), source }.into()),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_dangling(path) => return Ok(None),
            Err(source) => return Err(FileError { path: path.to_path_buf(), source }.into()),
        };
        let held = |file: &mut File, certain: bool| {
            let text = content(file).unwrap_or_default();
            let holder = serde_json::from_slice(&text).ok();
            LockError::Held { path: of.to_path_buf(), lock: path.to_path_buf(), holder, certain }
        };
        let has_locks = match try_lock(&file) {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Err(held(&mut file, true)),
            Err(TryLockError::Error(error)) if knows_no_locks(&error) => false,
            Err(TryLockError::Error(source)) => return Err(FileError { path: path.to_path_buf(), source }.into()),
        };
        if !at(path, is_still(&file, path))? {
            return Ok(None);
        }
        let before = at(path, content(&file))?;
        if !has_locks && !new {
            let holder = serde_json::from_slice::<Holder>(&before).ok();
            if !holder.is_some_and(|holder| holder.is_gone()) {
                return Err(held(&mut file, false));
            }
        }
        let lock = Self {
            path: path.to_path_buf(),
            file,
            before: Some(before).filter(|before| !before.is_empty()),
            made: Vec::new(),
            accepted: false,
            has_locks,
        };
        let holder = serde_json::to_vec(&Holder::this()).expect("a holder is plain data");
        at(path, replace(&lock.file, &holder))?;
        Ok(Some(lock))
    }
}

impl Drop for RunLock {
    /// Best effort: a lock ends with its file's handle in any case.
    fn drop(&mut self) {
        match &self.before {
            // As a killed process had left it.
            Some(before) if !self.accepted => {
                let _ = replace(&self.file, before);
            }
            // Where an open file cannot be removed, an empty one stays.
            _ => {
                let _ = fs::remove_file(&self.path).or_else(|_| replace(&self.file, b""));
            }
        }
        if !self.accepted {
            unmake(&self.made);
        }
    }
}

/// Makes `dir` and those above it; returns those that were not there, the innermost first.
fn make(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && dir.symlink_metadata().is_err();
    let made: Vec<PathBuf> = dir.ancestors().take_while(missing).map(Path::to_path_buf).collect();
    if !dir.as_os_str().is_empty() {
        // What somebody else made and removed in between is in nobody's way: one more try.
        let free = |dir: &Path| dir.symlink_metadata().is_err() || dir.is_dir();
        let done = loop {
            match fs::create_dir_all(dir) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.ancestors().all(free) => {}
                done => break done,
            }
        };
        if done.is_err() {
            unmake(&made);
        }
        at(dir, done)?;
    }
    Ok(made)
}

/// Removes directories that were made, as far as nothing is in them.
fn unmake(made: &[PathBuf]) {
    for dir in made {
        let _ = fs::remove_dir(dir);
    }
}

fn content(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn replace(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(bytes)
}

fn is_dangling(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
}

/// Whether `path` still names the open `file`.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((open.dev(), open.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere an open file is not removed.
#[cfg(not(unix))]
fn is_still(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Whether the error says that there are no locks here, as on some network file systems.
fn knows_no_locks(error: &io::Error) -> bool {
    // Linux: no locks available.
    const ENOLCK: i32 = 37;
    error.kind() == io::ErrorKind::Unsupported || cfg!(target_os = "linux") && error.raw_os_error() == Some(ENOLCK)
}

#[cfg(test)]
mod tests;
