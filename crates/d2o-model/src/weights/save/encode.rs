//! Weights as bytes of a safetensors file.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use half::{bf16, f16};
use safetensors::SafeTensorError;
use safetensors::tensor::View;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file;
use super::tensors::HfTensor;
use crate::error::ModelError;

/// Type of exported weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32-bit floats.
    #[default]
    F32,
    /// bfloat16, rounded to nearest.
    Bf16,
    /// IEEE half precision, rounded to nearest.
    F16,
}

impl Dtype {
    fn encode(self, values: &[f32]) -> Vec<u8> {
        let half = |encode: fn(f32) -> [u8; 2]| values.iter().flat_map(|&value| encode(value)).collect();
        match self {
            Self::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Bf16 => half(|value| bf16::from_f32(value).to_le_bytes()),
            Self::F16 => half(|value| f16::from_f32(value).to_le_bytes()),
        }
    }

    /// A finite value that becomes infinite.
    fn overflow(self, values: &[f32]) -> Option<f32> {
        let lost: fn(f32) -> bool = match self {
            Self::F32 => return None,
            Self::Bf16 => |value| bf16::from_f32(value).is_infinite(),
            Self::F16 => |value| f16::from_f32(value).is_infinite(),
        };
        values.iter().copied().find(|&value| value.is_finite() && lost(value))
    }

    fn in_safetensors(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::Bf16 => safetensors::Dtype::BF16,
            Self::F16 => safetensors::Dtype::F16,
        }
    }

    pub(crate) fn in_config(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }

    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }
}

/// A tensor that is encoded when its bytes are written.
pub(crate) struct Encoded {
    tensor: HfTensor,
    dtype: Dtype,
    /// A value that the type could not hold.
    overflow: Cell<Option<f32>>,
}

impl Encoded {
    pub(crate) fn new(tensor: HfTensor, dtype: Dtype) -> Self {
        Self { tensor, dtype, overflow: Cell::new(None) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.tensor.name
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.tensor.shape.iter().product::<usize>() * self.dtype.size()
    }
}

impl View for &Encoded {
    fn dtype(&self) -> safetensors::Dtype {
        self.dtype.in_safetensors()
    }

    fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.tensor.values();
        self.overflow.set(self.dtype.overflow(&values));
        Cow::Owned(self.dtype.encode(&values))
    }

    fn data_len(&self) -> usize {
        self.len()
    }
}

/// Writes a safetensors file with `notes` in its header.
pub(crate) fn write(path: &Path, tensors: &[Encoded], notes: BTreeMap<String, String>) -> Result<(), ModelError> {
    // Transformers refuses files that do not name a framework.
    let mut header = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    header.extend(notes);
    file::write_aside(path, |aside| {
        let views = tensors.iter().map(|tensor| (tensor.name(), tensor));
        safetensors::serialize_to_file(views, Some(header), aside).map_err(|error| match error {
            SafeTensorError::IoError(source) => file::at(path, source),
            other => file::at(path, io::Error::other(other)),
        })?;
        sort_notes(aside).map_err(|source| file::at(path, source))?;
        let overflown = tensors.iter().find_map(|tensor| Some((tensor, tensor.overflow.get()?)));
        match overflown {
            None => Ok(()),
            Some((tensor, value)) => Err(ModelError::Range {
                path: path.to_path_buf(),
                name: tensor.name().to_owned(),
                value,
                dtype: tensor.dtype.in_config(),
            }),
        }
    })
}

/// Puts the notes of a safetensors file in the order of their names: the library takes them as a hash map,
/// whose order changes from run to run, and equal weights shall give equal files.
fn sort_notes(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?;
    let mut header = vec![0; length];
    file.read_exact(&mut header)?;
    let mut fields: Value = serde_json::from_slice(&header)?;
    if let Some(Value::Object(notes)) = fields.get_mut("__metadata__") {
        notes.sort_keys();
    }
    // Another order is as long.
    let mut sorted = fields.to_string().into_bytes();
    sorted.resize(length, b' ');
    file.seek(SeekFrom::Start(8))?;
    file.write_all(&sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_give_equal_files() {
        let dir = tempfile::tempdir().unwrap();
        let notes: BTreeMap<_, _> = ["b", "a", "c", "d"].map(|name| (name.to_owned(), "note".to_owned())).into();
        let files = [0, 1, 2, 3].map(|index| {
            let path = dir.path().join(index.to_string());
            write(&path, &[], notes.clone()).unwrap();
            std::fs::read(path).unwrap()
        });
        let header = r#"{"__metadata__":{"a":"note","b":"note","c":"note","d":"note","format":"pt"}}"#;
        assert!(String::from_utf8_lossy(&files[0][8..]).starts_with(header));
        assert!(files.iter().all(|file| *file == files[0]));
    }
}
