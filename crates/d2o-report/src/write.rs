//! From a run directory to its page.

use std::path::{Path, PathBuf};

use d2o_record::durable;

use crate::error::ReportError;
use crate::page;
use crate::run::Run;

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
    let html = page::render(&Run::read(run_dir)).into_string();
    let path = run_dir.join(FILE_NAME);
    durable::write_whole(&path, html.as_bytes()).map_err(|source| ReportError::Write { path: path.clone(), source })?;
    Ok(path)
}
