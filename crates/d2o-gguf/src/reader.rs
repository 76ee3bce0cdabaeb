//! The container: header, metadata, tensor directory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::cursor::Cursor;
use crate::directory::{self, Stored};
use crate::error::GgufError;
use crate::foreign;
use crate::format::{DEFAULT_ALIGNMENT, MAGIC};
use crate::ggml_type::GgmlType;
use crate::split;
use crate::value::Value;

const ALIGNMENT: &str = "general.alignment";
/// Metadata are never shorter: the length of a key, a type and a byte of value (version 1).
const LEAST_PAIR: usize = 4 + 4 + 1;

/// A GGUF model whose header, metadata and tensor directory have been read and checked: one file, or all pieces of a
/// split one.
///
/// Its bytes are held as they are in the file; a tensor is decoded when it is asked for.
pub struct GgufFile {
    path: PathBuf,
    files: Vec<PathBuf>,
    version: u32,
    /// The bytes of each file.
    bytes: Vec<Vec<u8>>,
    metadata: BTreeMap<String, Value>,
    /// Each with the file that it lies in.
    tensors: BTreeMap<String, (usize, Stored)>,
}

impl GgufFile {
    /// Opens a file and checks that everything that it lists lies inside it. Of a split model any piece may be given;
    /// the others are read from beside it.
    ///
    /// # Errors
    /// [`GgufError::Io`]; [`GgufError::Format`] with the offset and what was expected there; [`GgufError::Foreign`]
    /// for a file of another format; [`GgufError::TensorType`] for a quantisation that is not read;
    /// [`GgufError::Piece`] for a piece that is absent or not what its name says.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let given = Part::read(path)?;
        let Some(files) = split::pieces(path, &given.metadata)? else {
            return Self::of(path, vec![given]);
        };
        let mut given = Some(given);
        let mut parts = Vec::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            let part = match given.take_if(|part| part.path == *file) {
                Some(part) => part,
                None => Part::read(file)?,
            };
            split::check_piece(file, &part.metadata, index + 1, files.len())?;
            parts.push(part);
        }
        let found = parts.iter().map(|part| part.tensors.len()).sum();
        split::check_tensors(&files[0], &parts[0].metadata, found)?;
        Self::of(path, parts)
    }

    fn of(path: &Path, parts: Vec<Part>) -> Result<Self, GgufError> {
        let (mut files, mut bytes) = (Vec::new(), Vec::new());
        let mut tensors: BTreeMap<String, (usize, Stored)> = BTreeMap::new();
        let mut head = None;
        for (index, part) in parts.into_iter().enumerate() {
            for (name, stored) in part.tensors {
                if let Some((other, _)) = tensors.get(&name) {
                    let other: &PathBuf = &files[*other];
                    return Err(split::fault(&part.path, format!("tensor `{name}` is in {} as well", other.display())));
                }
                tensors.insert(name, (index, stored));
            }
            files.push(part.path);
            bytes.push(part.bytes);
            // The first piece says what the model is; the others repeat parts of it or nothing.
            head.get_or_insert((part.version, part.metadata));
        }
        let (version, metadata) = head.expect("at least one part");
        Ok(Self { path: path.to_path_buf(), files, version, bytes, metadata, tensors })
    }

    /// All files of the model, the one with the metadata first.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The file that was opened.
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
        self.tensors.get(name).map(|(_, stored)| stored.shape.as_slice())
    }

    /// The type that a tensor is stored in, if the file has it.
    pub fn tensor_type(&self, name: &str) -> Option<GgmlType> {
        self.tensors.get(name).map(|(_, stored)| stored.ggml_type)
    }

    /// A tensor's values, in the order of its [`shape`](Self::shape).
    ///
    /// # Errors
    /// [`GgufError::MissingTensor`].
    pub fn tensor_f32(&self, name: &str) -> Result<Vec<f32>, GgufError> {
        let Some((file, stored)) = self.tensors.get(name) else {
            return Err(GgufError::MissingTensor { path: self.path.clone(), name: name.to_owned() });
        };
        Ok(stored.ggml_type.dequantize(&self.bytes[*file][stored.bytes.clone()]))
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

/// One file.
struct Part {
    path: PathBuf,
    version: u32,
    bytes: Vec<u8>,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Stored>,
}

impl Part {
    fn read(path: &Path) -> Result<Self, GgufError> {
        let bytes = std::fs::read(path).map_err(|source| GgufError::Io { path: path.to_path_buf(), source })?;
        foreign::refuse(path, &bytes)?;
        let mut cursor = Cursor::new(path, &bytes);
        let version = read_version(&mut cursor)?;
        let tensor_count = cursor.count(directory::LEAST_ENTRY, "tensor count")?;
        let pair_count = cursor.count(LEAST_PAIR, "metadata count")?;
        let metadata = read_metadata(&mut cursor, pair_count)?;
        let alignment = alignment(path, &metadata)?;
        let tensors = directory::read_directory(&mut cursor, tensor_count, alignment, bytes.len())?;
        Ok(Self { path: path.to_path_buf(), version, bytes, metadata, tensors })
    }
}

fn read_version(cursor: &mut Cursor<'_>) -> Result<u32, GgufError> {
    if cursor.take(MAGIC.len(), "the magic `GGUF`")? != MAGIC {
        return Err(cursor.wrong(0, "the magic `GGUF`".to_owned()));
    }
    let version = cursor.u32("version")?;
    match version {
        1 => cursor.narrow(),
        2 | 3 => {}
        version => return Err(cursor.foreign_version(version)),
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
