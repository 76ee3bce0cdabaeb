//! Files written aside and then renamed, so that a name always stands for a whole file.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use safetensors::tensor::TensorView;
use serde_json::Value;

use crate::error::ModelError;

/// A tensor in Hugging Face's layout, encoded.
pub(super) struct Encoded {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) dtype: safetensors::Dtype,
    pub(super) bytes: Vec<u8>,
}

pub(super) fn write_safetensors(path: &Path, tensors: &[Encoded]) -> Result<(), ModelError> {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes);
        (&tensor.name, view.expect("bytes are encoded from the shape"))
    });
    // Transformers refuses files that do not name a framework.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| at(path, io::Error::other(error)))?;
    write(path, &bytes)
}

pub(super) fn write_json(path: &Path, value: &Value) -> Result<(), ModelError> {
    write(path, format!("{value:#}\n").as_bytes())
}

pub(super) fn create_dir(dir: &Path) -> Result<(), ModelError> {
    fs::create_dir_all(dir).map_err(|source| at(dir, source))
}

/// Removes a file that an earlier export may have left.
pub(super) fn remove(path: &Path) -> Result<(), ModelError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(at(path, source)),
        _ => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.partial"));
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    });
    if written.is_err() {
        // Best effort: the error that matters is already on its way.
        let _ = fs::remove_file(&aside);
    }
    written.map_err(|source| at(path, source))
}

fn at(path: &Path, source: io::Error) -> ModelError {
    ModelError::Io { path: path.to_path_buf(), source }
}
