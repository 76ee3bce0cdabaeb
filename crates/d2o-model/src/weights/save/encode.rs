//! Weights as bytes of a safetensors file.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use half::{bf16, f16};
use safetensors::SafeTensorError;
use safetensors::tensor::{Metadata, TensorInfo};
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
}

impl Encoded {
    pub(crate) fn new(tensor: HfTensor, dtype: Dtype) -> Self {
        Self { tensor, dtype }
    }

    pub(crate) fn name(&self) -> &str {
        &self.tensor.name
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.tensor.shape.iter().product::<usize>() * self.dtype.size()
    }

    /// The values in the file's type.
    fn bytes(&self, path: &Path) -> Result<Vec<u8>, ModelError> {
        let values = self.tensor.values();
        match self.dtype.overflow(&values) {
            None => Ok(self.dtype.encode(&values)),
            Some(value) => Err(ModelError::Range {
                path: path.to_path_buf(),
                name: self.name().to_owned(),
                value,
                dtype: self.dtype.in_config(),
            }),
        }
    }
}

/// Writes a safetensors file with `notes` in its header.
pub(crate) fn write(path: &Path, tensors: &[Encoded], notes: BTreeMap<String, String>) -> Result<(), ModelError> {
    // As the library orders them: by alignment, which all of these share, then by name.
    let mut tensors: Vec<&Encoded> = tensors.iter().collect();
    tensors.sort_by(|left, right| left.name().cmp(right.name()));
    let header = header(&tensors, notes).map_err(|error| file::at(path, io::Error::other(error)))?;
    file::write_aside(path, |out| {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|source| file::at(path, source));
        put(&(header.len() as u64).to_le_bytes())?;
        put(&header)?;
        for tensor in tensors {
            put(&tensor.bytes(path)?)?;
        }
        out.flush().map_err(|source| file::at(path, source))
    })
}

/// The header: notes in the order of their names, so that equal weights give equal files, then the tensors.
fn header(tensors: &[&Encoded], mut notes: BTreeMap<String, String>) -> Result<Vec<u8>, SafeTensorError> {
    // Transformers refuses files that do not name a framework.
    notes.insert("format".to_owned(), "pt".to_owned());
    let mut end = 0;
    let infos = tensors.iter().map(|tensor| {
        let begin = end;
        end += tensor.len();
        let (dtype, shape) = (tensor.dtype.in_safetensors(), tensor.tensor.shape.clone());
        (tensor.name().to_owned(), TensorInfo { dtype, shape, data_offsets: (begin, end) })
    });
    // The library looks whether names and places are sound; of its text, the order of the notes changes from run to run.
    let mut fields = serde_json::to_value(Metadata::new(Some(notes.into_iter().collect()), infos.collect())?)?;
    if let Some(Value::Object(notes)) = fields.get_mut("__metadata__") {
        notes.sort_keys();
    }
    let mut text = fields.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(size_of::<u64>()), b' ');
    Ok(text)
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
