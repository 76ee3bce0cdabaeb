//! Files written aside and then renamed, so that a name always stands for a whole file.

use std::io::{self, Write};
use std::path::Path;

use d2o_record::durable;
use d2o_record::storage::{self, File};
use serde_json::Value;

use crate::error::ModelError;

pub(crate) fn write_json(path: &Path, value: &Value) -> Result<(), ModelError> {
    let text = format!("{value:#}\n");
    write_aside(path, |file| file.write_all(text.as_bytes()).map_err(|source| at(path, source)))
}

pub(crate) fn create_dir(dir: &Path) -> Result<(), ModelError> {
    storage::create_dir_all(dir).map_err(|source| at(dir, source))
}

/// Removes a file that an earlier export may have left.
pub(crate) fn remove(path: &Path) -> Result<(), ModelError> {
    if !path.exists() {
        return Ok(());
    }
    storage::remove_file(path).map_err(|source| at(path, source))
}

/// Lets `write` fill a file beside `path`, syncs it and gives it its name.
pub(crate) fn write_aside(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    durable::write_aside(path, write, |source| at(path, source))
}

pub(crate) fn at(path: &Path, source: io::Error) -> ModelError {
    ModelError::Io { path: path.to_path_buf(), source }
}
