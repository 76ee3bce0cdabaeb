//! Why there is no report.

use std::path::PathBuf;

use thiserror::Error;

/// Why there is no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The run directory is not one.
    #[error("{}: not a directory", path.display())]
    NoRun {
        /// What was given.
        path: PathBuf,
    },
    /// The report could not be written.
    #[error("{}: cannot write the report", path.display())]
    Write {
        /// The report.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl ReportError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoRun { .. } => "give the directory that a run was written to with --out".to_owned(),
            Self::Write { path, .. } => {
                let folder = path.parent().unwrap_or(path).display();
                format!("see that {folder} is writable and its disk has room")
            }
        })
    }
}
