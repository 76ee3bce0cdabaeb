//! The container as it is written: version 3, little endian.

use std::io::{self, Write};

use super::encoding::Encoding;

const MAGIC: &[u8] = b"GGUF";
const VERSION: u32 = 3;
/// Tensors begin at multiples of this, the format's default.
const ALIGNMENT: usize = 32;

/// Metadata types, by the format's numbers.
mod kind {
    pub(super) const U32: u32 = 4;
    pub(super) const I32: u32 = 5;
    pub(super) const F32: u32 = 6;
    pub(super) const BOOL: u32 = 7;
    pub(super) const TEXT: u32 = 8;
    pub(super) const LIST: u32 = 9;
}

/// Metadata in the making.
#[derive(Default)]
pub(super) struct Metadata {
    bytes: Vec<u8>,
    pairs: u64,
}

impl Metadata {
    fn pair(&mut self, key: &str, kind: u32, value: &[u8]) {
        put_text(&mut self.bytes, key);
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(value);
        self.pairs += 1;
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        let mut bytes = Vec::new();
        put_text(&mut bytes, value);
        self.pair(key, kind::TEXT, &bytes);
    }

    pub(super) fn u32(&mut self, key: &str, value: u32) {
        self.pair(key, kind::U32, &value.to_le_bytes());
    }

    pub(super) fn f32(&mut self, key: &str, value: f32) {
        self.pair(key, kind::F32, &value.to_le_bytes());
    }

    pub(super) fn bool(&mut self, key: &str, value: bool) {
        self.pair(key, kind::BOOL, &[u8::from(value)]);
    }

    pub(super) fn texts<'t>(&mut self, key: &str, values: impl ExactSizeIterator<Item = &'t str>) {
        let mut bytes = list_head(kind::TEXT, values.len());
        values.for_each(|value| put_text(&mut bytes, value));
        self.pair(key, kind::LIST, &bytes);
    }

    pub(super) fn i32s(&mut self, key: &str, values: &[i32]) {
        let mut bytes = list_head(kind::I32, values.len());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.pair(key, kind::LIST, &bytes);
    }
}

fn list_head(kind: u32, len: usize) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(len as u64).to_le_bytes()].concat()
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// A tensor that is going to be written.
pub(super) struct Entry {
    pub(super) name: String,
    /// Slowest dimension first.
    pub(super) shape: Vec<usize>,
    pub(super) encoding: Encoding,
    /// Its bytes in this encoding.
    pub(super) len: usize,
}

/// Writes everything before the tensors' data.
pub(super) fn write_head(out: &mut impl Write, metadata: &Metadata, entries: &[Entry]) -> io::Result<()> {
    let mut head = MAGIC.to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend((entries.len() as u64).to_le_bytes());
    head.extend(metadata.pairs.to_le_bytes());
    head.extend(&metadata.bytes);
    let mut offset = 0;
    for entry in entries {
        put_text(&mut head, &entry.name);
        head.extend((entry.shape.len() as u32).to_le_bytes());
        // The file has the fastest dimension first.
        head.extend(entry.shape.iter().rev().flat_map(|&size| (size as u64).to_le_bytes()));
        head.extend(entry.encoding.id().to_le_bytes());
        head.extend((offset as u64).to_le_bytes());
        offset = (offset + entry.len).next_multiple_of(ALIGNMENT);
    }
    head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
    out.write_all(&head)
}

/// Writes one tensor's data and fills up to where the next may begin.
pub(super) fn write_data(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    let padding = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
    out.write_all(&[0; ALIGNMENT][..padding])
}
