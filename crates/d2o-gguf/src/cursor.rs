//! A position in the file's bytes. Every length is checked against what is left before it is believed.

use std::path::Path;

use crate::error::GgufError;
use crate::format::kind;
use crate::ggml_type::GgmlType;
use crate::value::{List, Value};

/// Lists inside lists at the most.
const MAX_DEPTH: usize = 4;

/// What is left to read of a file.
pub(crate) struct Cursor<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    /// Lengths have 64 bits, as they do from version 2 on.
    wide: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(path: &'a Path, bytes: &'a [u8]) -> Self {
        Self { path, bytes, at: 0, wide: true }
    }

    /// Reads lengths of 32 bits from here on, as version 1 has them.
    pub(crate) fn narrow(&mut self) {
        self.wide = false;
    }

    /// Bytes read so far.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// An error at byte `offset`.
    pub(crate) fn wrong(&self, offset: usize, expected: String) -> GgufError {
        GgufError::Format { path: self.path.to_path_buf(), offset, expected }
    }

    /// An error for a version of the format that is not read.
    pub(crate) fn foreign_version(&self, version: u32) -> GgufError {
        GgufError::Foreign {
            path: self.path.to_path_buf(),
            found: format!("is a GGUF file of version {version}; versions 1, 2 and 3 are read"),
            remedy: "convert the model with a converter that writes version 3, or fetch a damaged file again",
        }
    }

    /// An error for a tensor type that is not read.
    pub(crate) fn refused(&self, tensor: &str, ggml_type: String) -> GgufError {
        GgufError::TensorType {
            path: self.path.to_path_buf(),
            name: tensor.to_owned(),
            ggml_type,
            known: GgmlType::known(),
        }
    }

    pub(crate) fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], GgufError> {
        let left = &self.bytes[self.at..];
        let Some(bytes) = left.get(..len) else {
            let expected = format!("{what} of {len} bytes, but the file ends after {}", left.len());
            return Err(self.wrong(self.at, expected));
        };
        self.at += len;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        self.take(N, what).map(|bytes| bytes.try_into().expect("as many bytes as were taken"))
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count or a dimension, in the width that the version has.
    pub(crate) fn size(&mut self, what: &str) -> Result<usize, GgufError> {
        let offset = self.at;
        let value = if self.wide { self.u64(what)? } else { u64::from(self.u32(what)?) };
        usize::try_from(value).map_err(|_| self.wrong(offset, format!("{what} that fits memory, found {value}")))
    }

    /// A count of things that take `least` bytes each at the least, so that they can all be there.
    pub(crate) fn count(&mut self, least: usize, what: &str) -> Result<usize, GgufError> {
        let offset = self.at;
        let value = self.size(what)?;
        let room = (self.bytes.len() - self.at) / least;
        if value > room {
            return Err(
                self.wrong(offset, format!("{what} of at most {room}, which the file has room for, found {value}"))
            );
        }
        Ok(value)
    }

    pub(crate) fn text(&mut self, what: &str) -> Result<String, GgufError> {
        let len = self.count(1, &format!("length of {what}"))?;
        let offset = self.at;
        let bytes = self.take(len, what)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.wrong(offset, format!("{what} in UTF-8"))),
        }
    }

    /// A value with its type before it.
    pub(crate) fn value(&mut self, key: &str) -> Result<Value, GgufError> {
        let what = &format!("value of `{key}`");
        let offset = self.at;
        let kind = self.u32(what)?;
        Ok(match kind {
            kind::U8 | kind::U16 | kind::U32 | kind::U64 => Value::Unsigned(self.unsigned(kind, what)?),
            kind::I8 | kind::I16 | kind::I32 | kind::I64 => Value::Signed(self.signed(kind, what)?),
            kind::F32 | kind::F64 => Value::Float(self.float(kind, what)?),
            kind::BOOL => Value::Bool(self.bool(what)?),
            kind::TEXT => Value::Text(self.text(what)?),
            kind::LIST => Value::List(self.list(what, 1)?),
            _ => return Err(self.foreign(offset, kind, what)),
        })
    }

    fn list(&mut self, what: &str, depth: usize) -> Result<List, GgufError> {
        let offset = self.at;
        let kind = self.u32(what)?;
        if kind == kind::LIST && depth == MAX_DEPTH {
            return Err(self.wrong(offset, format!("{what} of lists nested at most {MAX_DEPTH} deep")));
        }
        let length_bytes = if self.wide { 8 } else { 4 };
        let least = match kind {
            kind::U8 | kind::I8 | kind::BOOL => 1,
            kind::U16 | kind::I16 => 2,
            kind::U32 | kind::I32 | kind::F32 => 4,
            kind::TEXT => length_bytes,
            kind::LIST => 4 + length_bytes,
            kind::U64 | kind::I64 | kind::F64 => 8,
            _ => return Err(self.foreign(offset, kind, what)),
        };
        let len = self.count(least, &format!("length of {what}"))?;
        Ok(match kind {
            kind::U8 | kind::U16 | kind::U32 | kind::U64 => {
                List::Unsigned((0..len).map(|_| self.unsigned(kind, what)).collect::<Result<_, _>>()?)
            }
            kind::I8 | kind::I16 | kind::I32 | kind::I64 => {
                List::Signed((0..len).map(|_| self.signed(kind, what)).collect::<Result<_, _>>()?)
            }
            kind::F32 | kind::F64 => List::Float((0..len).map(|_| self.float(kind, what)).collect::<Result<_, _>>()?),
            kind::BOOL => List::Bool((0..len).map(|_| self.bool(what)).collect::<Result<_, _>>()?),
            kind::TEXT => List::Text((0..len).map(|_| self.text(what)).collect::<Result<_, _>>()?),
            _ => List::List((0..len).map(|_| self.list(what, depth + 1)).collect::<Result<_, _>>()?),
        })
    }

    fn unsigned(&mut self, kind: u32, what: &str) -> Result<u64, GgufError> {
        Ok(match kind {
            kind::U8 => u64::from(u8::from_le_bytes(self.array(what)?)),
            kind::U16 => u64::from(u16::from_le_bytes(self.array(what)?)),
            kind::U32 => u64::from(self.u32(what)?),
            _ => self.u64(what)?,
        })
    }

    fn signed(&mut self, kind: u32, what: &str) -> Result<i64, GgufError> {
        Ok(match kind {
            kind::I8 => i64::from(i8::from_le_bytes(self.array(what)?)),
            kind::I16 => i64::from(i16::from_le_bytes(self.array(what)?)),
            kind::I32 => i64::from(i32::from_le_bytes(self.array(what)?)),
            _ => i64::from_le_bytes(self.array(what)?),
        })
    }

    fn float(&mut self, kind: u32, what: &str) -> Result<f64, GgufError> {
        Ok(match kind {
            kind::F32 => f64::from(f32::from_le_bytes(self.array(what)?)),
            _ => f64::from_le_bytes(self.array(what)?),
        })
    }

    fn bool(&mut self, what: &str) -> Result<bool, GgufError> {
        let offset = self.at;
        match self.array::<1>(what)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(self.wrong(offset, format!("{what} to be 0 or 1, found {other}"))),
        }
    }

    fn foreign(&self, offset: usize, kind: u32, what: &str) -> GgufError {
        self.wrong(offset, format!("{what} to have a type from 0 to 12, found {kind}"))
    }
}
