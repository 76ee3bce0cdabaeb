//! `report.html`: what a run did, in one file that needs nothing else.
//!
//! The page is drawn from what lies in the run directory, and from nothing that the trainer holds:
//! a report can be made again at any time, also of a run that stopped half-way. Parts that are not
//! there are named on the page. Text that a model or a data set wrote is escaped, and the page
//! forbids scripts and connections to itself.

mod anchors;
mod answers;
pub(crate) mod chart;
mod curves;
pub(crate) mod escape;
mod evaluation;
#[cfg(test)]
pub(crate) mod fixture;
mod metric;
mod number;
mod page;
mod record;
mod run;
mod summary;
mod tiles;

use std::path::{Path, PathBuf};

use thiserror::Error;

use run::Run;

use crate::durable;

/// Name of the report in the run directory.
pub const FILE_NAME: &str = "report.html";

/// Draws the report of the run in `run_dir` and returns where it lies.
///
/// Reads `run.toml`, `events.jsonl`, `eval.json`, `answers.jsonl` and the anchor store, as far as
/// they are there and legible; the report says which were not.
///
/// # Errors
/// [`ReportError`] if `run_dir` is no directory or the report cannot be written.
pub fn write(run_dir: &Path) -> Result<PathBuf, ReportError> {
    if !run_dir.is_dir() {
        return Err(ReportError::NoRun { path: run_dir.to_path_buf() });
    }
    let html = page::render(&Run::read(run_dir));
    let path = run_dir.join(FILE_NAME);
    durable::write_whole(&path, html.as_bytes()).map_err(|source| ReportError::Write { path: path.clone(), source })?;
    Ok(path)
}

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

#[cfg(test)]
mod tests;
