//! The container: header, metadata, tensor directory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::cursor::Cursor;
use crate::directory::{self, Stored};
use crate::error::GgufError;
use crate::format::{DEFAULT_ALIGNMENT, MAGIC};
use crate::ggml_type::GgmlType;
use crate::value::Value;

const ALIGNMENT: &str = "general.alignment";
/// Metadata are never shorter: the length of a key, a type and a byte of value (version 1).
const LEAST_PAIR: usize = 4 + 4 + 1;

/// A GGUF file whose header, metadata and tensor directory have been read and checked.
///
/// Its bytes are held as they are in the file; a tensor is decoded when it is asked for.
pub struct GgufFile {
    path: PathBuf,
    version: u32,
    bytes: Vec<u8>,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Stored>,
}

impl GgufFile {
    /// Opens a file and checks that everything that it lists lies inside it.
    ///
    /// # Errors
    /// [`GgufError::Io`]; [`GgufError::Format`] with the offset and what was expected there;
    /// [`GgufError::TensorType`] for a quantisation that is not read.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let bytes = std::fs::read(path).map_err(|source| GgufError::Io { path: path.to_path_buf(), source })?;
        let mut cursor = Cursor::new(path, &bytes);
        let version = read_version(&mut cursor)?;
        let tensor_count = cursor.count(directory::LEAST_ENTRY, "tensor count")?;
        let pair_count = cursor.count(LEAST_PAIR, "metadata count")?;
        let metadata = read_metadata(&mut cursor, pair_count)?;
        let alignment = alignment(path, &metadata)?;
        let tensors = directory::read_directory(&mut cursor, tensor_count, alignment, bytes.len())?;
        Ok(Self { path: path.to_path_buf(), version, metadata, tensors, bytes })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Version of the format, 1 to 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// All metadata, sorted by key.
    pub fn all_metadata(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.metadata.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// A metadata value.
    pub fn metadata(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// What kind of model it is, such as `llama`, if the file says so.
    pub fn architecture(&self) -> Option<&str> {
        self.metadata("general.architecture").and_then(Value::as_text)
    }

    /// Names of all tensors, sorted.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor's shape, slowest dimension first (`[out, in]`), if the file has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| stored.shape.as_slice())
    }

    /// The type that a tensor is stored in, if the file has it.
    pub fn tensor_type(&self, name: &str) -> Option<GgmlType> {
        self.tensors.get(name).map(|stored| stored.ggml_type)
    }

    /// A tensor's shape, slowest dimension first (`[out, in]`), and its values.
    ///
    /// # Errors
    /// [`GgufError::MissingTensor`].
    pub fn tensor_f32(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), GgufError> {
        let Some(stored) = self.tensors.get(name) else {
            return Err(GgufError::MissingTensor { path: self.path.clone(), name: name.to_owned() });
        };
        Ok((stored.shape.clone(), stored.ggml_type.dequantize(&self.bytes[stored.bytes.clone()])))
    }

    /// The metadata value of `key`, read by `read`; `None` if the file has none.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] with `expected` if `read` gives nothing.
    pub fn optional<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, GgufError> {
        let Some(value) = self.metadata(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong_metadata(key, expected.to_owned()))
    }

    /// The metadata value of `key`, read by `read`.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] with `expected` if the file has none, or `read` gives nothing.
    pub fn required<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, GgufError> {
        self.optional(key, expected, read)?
            .ok_or_else(|| self.wrong_metadata(key, format!("{expected}, and the file does not have it")))
    }

    /// An error about the metadata value of `key`.
    pub fn wrong_metadata(&self, key: &str, expected: String) -> GgufError {
        GgufError::Metadata { path: self.path().to_path_buf(), key: key.to_owned(), expected }
    }
}

/// A description without the values.
impl fmt::Debug for GgufFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GgufFile").field("path", &self.path).field("version", &self.version).finish_non_exhaustive()
    }
}

fn read_version(cursor: &mut Cursor<'_>) -> Result<u32, GgufError> {
    if cursor.take(MAGIC.len(), "the magic `GGUF`")? != MAGIC {
        return Err(cursor.wrong(0, "the magic `GGUF`".to_owned()));
    }
    let offset = cursor.at();
    let version = cursor.u32("version")?;
    match version {
        1 => cursor.narrow(),
        2 | 3 => {}
        version if (1..=3).contains(&version.swap_bytes()) => {
            return Err(cursor.wrong(offset, "a little-endian file, found a big-endian one".to_owned()));
        }
        version => return Err(cursor.wrong(offset, format!("version 1, 2 or 3, found {version}"))),
    }
    Ok(version)
}

fn read_metadata(cursor: &mut Cursor<'_>, pairs: usize) -> Result<BTreeMap<String, Value>, GgufError> {
    let mut metadata = BTreeMap::new();
    for _ in 0..pairs {
        let offset = cursor.at();
        let key = cursor.text("metadata key")?;
        let value = cursor.value(&key)?;
        if metadata.contains_key(&key) {
            return Err(cursor.wrong(offset, format!("metadata `{key}` only once")));
        }
        metadata.insert(key, value);
    }
    Ok(metadata)
}

fn alignment(path: &Path, metadata: &BTreeMap<String, Value>) -> Result<usize, GgufError> {
    let Some(value) = metadata.get(ALIGNMENT) else { return Ok(DEFAULT_ALIGNMENT) };
    value.as_size().filter(|alignment| alignment.is_power_of_two()).ok_or_else(|| GgufError::Metadata {
        path: path.to_path_buf(),
        key: ALIGNMENT.to_owned(),
        expected: format!("a power of two, found {value:?}"),
    })
}
