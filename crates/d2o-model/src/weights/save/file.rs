//! Files written aside and then renamed, so that a name always stands for a whole file.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::error::ModelError;

pub(crate) fn write_json(path: &Path, value: &Value) -> Result<(), ModelError> {
    let text = format!("{value:#}\n");
    write_aside(path, |aside| fs::write(aside, text.as_bytes()).map_err(|source| at(path, source)))
}

pub(crate) fn create_dir(dir: &Path) -> Result<(), ModelError> {
    fs::create_dir_all(dir).map_err(|source| at(dir, source))
}

/// Removes a file that an earlier export may have left.
pub(crate) fn remove(path: &Path) -> Result<(), ModelError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(at(path, source)),
        _ => Ok(()),
    }
}

/// Lets `write` make a file beside `path`, syncs it and gives it its name.
pub(crate) fn write_aside(path: &Path, write: impl FnOnce(&Path) -> Result<(), ModelError>) -> Result<(), ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.partial"));
    let written = write(&aside).and_then(|()| publish(&aside, path).map_err(|source| at(path, source)));
    if written.is_err() {
        // Best effort: the error that matters is already on its way.
        let _ = fs::remove_file(&aside);
    }
    written
}

fn publish(aside: &Path, path: &Path) -> io::Result<()> {
    File::options().write(true).open(aside)?.sync_all()?;
    fs::rename(aside, path)
}

pub(crate) fn at(path: &Path, source: io::Error) -> ModelError {
    ModelError::Io { path: path.to_path_buf(), source }
}
