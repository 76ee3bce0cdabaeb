//! The container: header, metadata, tensor directory. Every length is checked before it is believed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::dequantize::Encoding;
use crate::error::ModelError;
use crate::safetensors_dir::read;

const MAGIC: &[u8; 4] = b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;
/// Dimensions of a tensor at the most, as in the reference implementation.
const MAX_DIMS: u32 = 4;

/// A metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned or signed integer, widened.
    Integer(i64),
    /// A float of either width.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(String),
    /// A list of values of one type.
    List(Vec<Value>),
}

impl Value {
    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(values) => Some(values),
            _ => None,
        }
    }
}

/// Where a tensor lies in the file.
#[derive(Clone, Debug)]
struct Entry {
    /// Slowest dimension first, as Hugging Face writes shapes.
    shape: Vec<usize>,
    encoding: Encoding,
    start: usize,
    len: usize,
}

/// A GGUF file whose directory has been read and checked.
pub struct GgufFile {
    path: PathBuf,
    bytes: Vec<u8>,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Entry>,
}

impl GgufFile {
    /// Opens a file and checks that header, metadata and tensor directory fit its size.
    ///
    /// # Errors
    /// [`ModelError::Io`]; [`ModelError::Corrupt`] naming the byte offset; [`ModelError::Dtype`] for a
    /// quantisation that is not read.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let bytes = read(path)?;
        let mut cursor = Cursor { path, bytes: &bytes, at: 0, wide: true };
        if cursor.take(4, "the magic `GGUF`")? != MAGIC {
            return Err(cursor.corrupt("the magic `GGUF`"));
        }
        let version = cursor.u32()?;
        match version {
            1 => cursor.wide = false,
            2 | 3 => {}
            _ => return Err(cursor.corrupt(&format!("version 1 to 3, found {version}"))),
        }
        let tensor_count = cursor.length(8, "a tensor count")?;
        let pair_count = cursor.length(8, "a metadata count")?;
        let mut metadata = BTreeMap::new();
        for _ in 0..pair_count {
            let key = cursor.text()?;
            let kind = cursor.u32()?;
            let value = cursor.value(kind, 0)?;
            metadata.insert(key, value);
        }
        let mut directory = Vec::new();
        for _ in 0..tensor_count {
            directory.push(cursor.tensor()?);
        }
        let alignment = metadata.get("general.alignment").and_then(Value::as_integer).unwrap_or(DEFAULT_ALIGNMENT as i64);
        let Some(alignment) = usize::try_from(alignment).ok().filter(|alignment| alignment.is_power_of_two()) else {
            return Err(cursor.corrupt("an alignment that is a power of two"));
        };
        let data = cursor.at.next_multiple_of(alignment);
        let tensors = place(&cursor, directory, data)?;
        Ok(Self { path: path.to_path_buf(), metadata, tensors, bytes })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A metadata value.
    pub fn metadata(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// Names of all tensors, sorted.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor's shape, slowest dimension first, if the file has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// A tensor's shape, slowest dimension first, and its values as f32.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`].
    pub fn tensor_f32(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), ModelError> {
        let entry = self
            .tensors
            .get(name)
            .ok_or_else(|| ModelError::MissingTensor { path: self.path.clone(), name: name.to_owned() })?;
        let bytes = &self.bytes[entry.start..entry.start + entry.len];
        Ok((entry.shape.clone(), entry.encoding.dequantize(bytes)))
    }
}

/// A directory entry before its place is checked.
struct Listed {
    name: String,
    shape: Vec<usize>,
    encoding: Encoding,
    offset: u64,
    bytes: usize,
}

fn place(cursor: &Cursor<'_>, directory: Vec<Listed>, data: usize) -> Result<BTreeMap<String, Entry>, ModelError> {
    let mut tensors = BTreeMap::new();
    for Listed { name, shape, encoding, offset, bytes } in directory {
        let start = usize::try_from(offset).ok().and_then(|offset| data.checked_add(offset));
        let end = start.and_then(|start| start.checked_add(bytes));
        let (Some(start), Some(_)) = (start, end.filter(|&end| end <= cursor.bytes.len())) else {
            return Err(cursor.corrupt(&format!(
                "tensor `{name}` to end within the file of {} bytes; it claims {bytes} bytes at data offset {offset}",
                cursor.bytes.len()
            )));
        };
        let entry = Entry { shape, encoding, start, len: bytes };
        if tensors.insert(name.clone(), entry).is_some() {
            return Err(cursor.corrupt(&format!("tensor `{name}` to be listed once")));
        }
    }
    Ok(tensors)
}

struct Cursor<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    /// Lengths are 64 bits wide from version 2 on.
    wide: bool,
}

impl<'a> Cursor<'a> {
    fn corrupt(&self, expected: &str) -> ModelError {
        ModelError::Corrupt {
            path: self.path.to_path_buf(),
            reason: format!("at byte {}: expected {expected}", self.at),
        }
    }

    fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], ModelError> {
        match self.at.checked_add(len).and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.corrupt(&format!("{what} ({len} bytes), but the file ends"))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let bytes = self.take(N, "a number")?;
        Ok(bytes.try_into().expect("the slice has this length"))
    }

    fn u32(&mut self) -> Result<u32, ModelError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, ModelError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count of things of at least `least` bytes each: more than the file can hold is a lie.
    fn length(&mut self, least: usize, what: &str) -> Result<usize, ModelError> {
        let value = if self.wide { self.u64()? } else { u64::from(self.u32()?) };
        let room = (self.bytes.len() - self.at) / least.max(1);
        usize::try_from(value)
            .ok()
            .filter(|&value| value <= room)
            .ok_or_else(|| self.corrupt(&format!("{what} that fits the file, found {value}")))
    }

    fn text(&mut self) -> Result<String, ModelError> {
        let len = self.length(1, "a text length")?;
        let bytes = self.take(len, "a text")?;
        String::from_utf8(bytes.to_vec()).map_err(|_| self.corrupt("text in UTF-8"))
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, ModelError> {
        Ok(match kind {
            0 => Value::Integer(i64::from(self.array::<1>()?[0])),
            1 => Value::Integer(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Integer(i64::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Integer(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Integer(i64::from(self.u32()?)),
            5 => Value::Integer(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            7 => Value::Bool(self.array::<1>()?[0] != 0),
            8 => Value::Text(self.text()?),
            9 if depth < 4 => {
                let kind = self.u32()?;
                let len = self.length(1, "a list length")?;
                let mut values = Vec::new();
                for _ in 0..len {
                    values.push(self.value(kind, depth + 1)?);
                }
                Value::List(values)
            }
            10 => Value::Integer(i64::try_from(self.u64()?).unwrap_or(i64::MAX)),
            11 => Value::Integer(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            _ => return Err(self.corrupt(&format!("a value type from 0 to 12, found {kind}"))),
        })
    }

    fn tensor(&mut self) -> Result<Listed, ModelError> {
        let name = self.text()?;
        let dims = self.u32()?;
        if dims == 0 || dims > MAX_DIMS {
            return Err(self.corrupt(&format!("1 to {MAX_DIMS} dimensions of `{name}`, found {dims}")));
        }
        let mut shape = Vec::new();
        for _ in 0..dims {
            let size = if self.wide { self.u64()? } else { u64::from(self.u32()?) };
            shape.push(usize::try_from(size).map_err(|_| self.corrupt("a dimension that fits memory"))?);
        }
        let kind = self.u32()?;
        let offset = self.u64()?;
        let encoding = Encoding::from_id(kind).ok_or_else(|| ModelError::Dtype {
            path: self.path.to_path_buf(),
            name: name.clone(),
            dtype: format!("GGML type {kind}"),
        })?;
        let row = shape[0];
        let values = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let bytes = values.and_then(|values| encoding.bytes(row, values));
        let bytes = bytes.ok_or_else(|| {
            self.corrupt(&format!("rows of `{name}` in whole blocks of {}, found shape {shape:?}", encoding.block()))
        })?;
        shape.reverse();
        Ok(Listed { name, shape, encoding, offset, bytes })
    }
}
