//! Metadata of a file that is going to be written.

use std::collections::BTreeSet;

use crate::format::kind;

/// Metadata of a file that is going to be written, in the order in which they are added.
///
/// # Panics
/// Every method panics if its key was added before: the format has each key once.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    bytes: Vec<u8>,
    keys: BTreeSet<String>,
}

impl Metadata {
    /// Adds a text.
    pub fn text(&mut self, key: &str, value: &str) {
        let mut bytes = Vec::new();
        put_text(&mut bytes, value);
        self.pair(key, kind::TEXT, &bytes);
    }

    /// Adds an unsigned integer of 32 bits.
    pub fn u32(&mut self, key: &str, value: u32) {
        self.pair(key, kind::U32, &value.to_le_bytes());
    }

    /// Adds a float of 32 bits.
    pub fn f32(&mut self, key: &str, value: f32) {
        self.pair(key, kind::F32, &value.to_le_bytes());
    }

    /// Adds a truth value.
    pub fn bool(&mut self, key: &str, value: bool) {
        self.pair(key, kind::BOOL, &[u8::from(value)]);
    }

    /// Adds a list of texts.
    pub fn texts<T: AsRef<str>>(&mut self, key: &str, values: &[T]) {
        let mut bytes = list_head(kind::TEXT, values.len());
        values.iter().for_each(|value| put_text(&mut bytes, value.as_ref()));
        self.pair(key, kind::LIST, &bytes);
    }

    /// Adds a list of signed integers of 32 bits.
    pub fn i32s(&mut self, key: &str, values: &[i32]) {
        let mut bytes = list_head(kind::I32, values.len());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.pair(key, kind::LIST, &bytes);
    }

    /// Number of pairs.
    pub(crate) fn len(&self) -> u64 {
        self.keys.len() as u64
    }

    /// All pairs as the file has them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn pair(&mut self, key: &str, kind: u32, value: &[u8]) {
        assert!(self.keys.insert(key.to_owned()), "metadata `{key}` is added twice");
        put_text(&mut self.bytes, key);
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(value);
    }
}

/// A text behind its length in bytes.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn list_head(kind: u32, len: usize) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(len as u64).to_le_bytes()].concat()
}
