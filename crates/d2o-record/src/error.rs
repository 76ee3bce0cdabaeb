//! What can go wrong with files of a run.

use std::io::ErrorKind;
use std::path::PathBuf;

use thiserror::Error;

/// A file or directory could not be read or written.
#[derive(Debug, Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

impl FileError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        remedy(&self.source).map(str::to_owned)
    }

    /// Whether the user's input is at fault rather than the program or the machine.
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        matches!(
            self.source.kind(),
            ErrorKind::StorageFull
                | ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::NotFound
                | ErrorKind::NotADirectory
                | ErrorKind::AlreadyExists
                | ErrorKind::IsADirectory
        )
    }
}

/// What the user can do about what the system said of a file.
#[must_use]
pub fn remedy(error: &std::io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::StorageFull => Some("the disk is full; free space and run the same command again, it resumes"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Some("choose a directory that you may write to with --out")
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
            Some("something else has this name, or a part of it; choose another one with --out")
        }
        _ => None,
    }
}

/// Why an event, or the file of events, could not be dealt with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The file of events could not be opened, read or written.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: `open`, `append`, …
        action: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line of the file of events is not an event.
    #[error("{}:{line}: not an event", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

impl ObserveError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { path, .. } => {
                let folder = path.parent().unwrap_or(path).display();
                Some(format!("see that {folder} is writable and its disk has room"))
            }
            Self::Malformed { path, line, .. } => Some(format!(
                "only a last line may be torn; remove line {line} from {} or start in another directory",
                path.display()
            )),
        }
    }
}

/// Why `eval.json` or `answers.jsonl` could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// Reading or writing the file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds something else than figures or answers.
    #[error("{}:{line}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl EvaluationError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::File(FileError { source, .. }) => match source.kind() {
                ErrorKind::NotFound => "run the evaluation first; it writes this file",
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    "choose a directory that you may write to"
                }
                _ => return None,
            },
            Self::Format { .. } => "remove the file; the next evaluation writes it again",
        };
        Some(text.to_owned())
    }
}
