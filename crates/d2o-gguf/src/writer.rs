//! The container as it is written: version 3, little endian.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::GgufError;
use crate::format::{DEFAULT_ALIGNMENT, MAGIC};
use crate::ggml_type::GgmlType;
use crate::metadata::{Metadata, put_text};
use crate::quantize::quantize;

const VERSION: u32 = 3;

/// A tensor of a file that is going to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Slowest dimension first, as in `[rows, columns]`.
    pub shape: Vec<usize>,
    /// How its values are stored.
    pub ggml_type: GgmlType,
}

/// Writes a file: header, metadata and the list of tensors at once, then one tensor at a time.
#[derive(Debug)]
pub struct GgufWriter<W> {
    out: W,
    path: PathBuf,
    tensors: std::vec::IntoIter<TensorInfo>,
}

impl<W: Write> GgufWriter<W> {
    /// Writes everything before the tensors' data to `out`; `path` is named in errors.
    ///
    /// # Errors
    /// [`GgufError::NotWritten`] for a type that is only read, or rows that are not whole blocks of it;
    /// [`GgufError::Io`].
    pub fn new(out: W, path: &Path, metadata: &Metadata, tensors: Vec<TensorInfo>) -> Result<Self, GgufError> {
        let head = head(path, metadata, &tensors)?;
        let mut writer = Self { out, path: path.to_path_buf(), tensors: tensors.into_iter() };
        writer.put(&head)?;
        Ok(writer)
    }

    /// Writes the values of the next tensor, row by row.
    ///
    /// # Errors
    /// [`GgufError::Range`] for a finite value that the tensor's type cannot hold; [`GgufError::Io`].
    ///
    /// # Panics
    /// If all tensors are written, or `values` are not as many as the tensor's shape says.
    pub fn write_tensor(&mut self, values: &[f32]) -> Result<(), GgufError> {
        let TensorInfo { name, shape, ggml_type } = self.tensors.next().expect("a tensor is left to be written");
        assert_eq!(values.len(), shape.iter().product::<usize>(), "values of `{name}`, {shape:?}");
        let bytes = quantize(ggml_type, values).map_err(|value| GgufError::Range {
            path: self.path.clone(),
            name,
            value,
            ggml_type: ggml_type.name(),
        })?;
        self.put(&bytes)?;
        // Fills up to where the next may begin.
        let padding = bytes.len().next_multiple_of(DEFAULT_ALIGNMENT) - bytes.len();
        self.put(&[0; DEFAULT_ALIGNMENT][..padding])
    }

    /// Flushes and gives `out` back.
    ///
    /// # Errors
    /// [`GgufError::Io`].
    ///
    /// # Panics
    /// If a tensor is left to be written.
    pub fn finish(mut self) -> Result<W, GgufError> {
        assert_eq!(self.tensors.len(), 0, "tensors are left to be written");
        self.out.flush().map_err(|source| self.failed(source))?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), GgufError> {
        self.out.write_all(bytes).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> GgufError {
        GgufError::Io { path: self.path.clone(), source }
    }
}

/// Header, metadata and the list of tensors, filled up to where the data begin.
fn head(path: &Path, metadata: &Metadata, tensors: &[TensorInfo]) -> Result<Vec<u8>, GgufError> {
    let mut head = MAGIC.to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend(metadata.len().to_le_bytes());
    head.extend(metadata.bytes());
    let mut offset = 0;
    for tensor in tensors {
        put_text(&mut head, &tensor.name);
        head.extend((tensor.shape.len() as u32).to_le_bytes());
        // The file has the fastest dimension first.
        head.extend(tensor.shape.iter().rev().flat_map(|&size| (size as u64).to_le_bytes()));
        head.extend(tensor.ggml_type.id().to_le_bytes());
        head.extend((offset as u64).to_le_bytes());
        offset = (offset + byte_len(path, tensor)?).next_multiple_of(DEFAULT_ALIGNMENT);
    }
    head.resize(head.len().next_multiple_of(DEFAULT_ALIGNMENT), 0);
    Ok(head)
}

/// Bytes of a tensor's data.
fn byte_len(path: &Path, TensorInfo { name, shape, ggml_type }: &TensorInfo) -> Result<usize, GgufError> {
    let refused = |reason: String| GgufError::NotWritten {
        path: path.to_path_buf(),
        name: name.clone(),
        ggml_type: ggml_type.name(),
        reason,
    };
    if !ggml_type.is_written() {
        return Err(refused("the type is only read".to_owned()));
    }
    let blocks =
        || format!("its rows are not whole blocks of {} values, its shape is {shape:?}", ggml_type.block_len());
    ggml_type.byte_len(shape).ok_or_else(|| refused(blocks()))
}
