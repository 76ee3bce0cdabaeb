//! A writer of GGUF files, sound or wrong in the way that a test asks for.

#![allow(missing_docs, reason = "tests read the names")]

/// Metadata types, by the format's numbers.
pub mod kind {
    pub const U32: u32 = 4;
    pub const I32: u32 = 5;
    pub const F32: u32 = 6;
    pub const BOOL: u32 = 7;
    pub const TEXT: u32 = 8;
    pub const LIST: u32 = 9;
}

/// Tensor types, by the format's numbers.
pub mod ggml {
    pub const F32: u32 = 0;
    pub const Q4_1: u32 = 3;
    pub const Q8_0: u32 = 8;
    pub const Q4_K: u32 = 12;
    pub const IQ4_NL: u32 = 20;
}

#[derive(Debug)]
struct Tensor {
    name: String,
    /// Slowest first; the file gets them the other way round.
    shape: Vec<u64>,
    kind: u32,
    bytes: Vec<u8>,
    /// Bytes added to where the tensor would come.
    shift: i64,
}

/// What the file will hold.
#[derive(Debug)]
pub struct Writer {
    pub version: u32,
    pub alignment: usize,
    pairs: Vec<(String, Vec<u8>)>,
    tensors: Vec<Tensor>,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    pub fn new() -> Self {
        Self { version: 3, alignment: 32, pairs: Vec::new(), tensors: Vec::new() }
    }

    /// A length in the width of the version.
    pub fn length(&self, length: usize) -> Vec<u8> {
        let length = length as u64;
        let bytes = length.to_le_bytes();
        if self.version == 1 { bytes[..4].to_vec() } else { bytes.to_vec() }
    }

    /// A text with its length.
    pub fn text_bytes(&self, text: &str) -> Vec<u8> {
        [self.length(text.len()), text.as_bytes().to_vec()].concat()
    }

    /// A pair whose value is given as bytes.
    pub fn raw(&mut self, key: &str, kind: u32, value: &[u8]) -> &mut Self {
        self.pairs.retain(|(other, _)| other != key);
        self.pairs.push((key.to_owned(), [&kind.to_le_bytes(), value].concat()));
        self
    }

    /// The same pair once more.
    pub fn repeat(&mut self, key: &str) -> &mut Self {
        let pair = self.pairs.iter().find(|(other, _)| other == key).expect("the key is there").clone();
        self.pairs.push(pair);
        self
    }

    pub fn without(&mut self, key: &str) -> &mut Self {
        self.pairs.retain(|(other, _)| other != key);
        self.tensors.retain(|tensor| tensor.name != key);
        self
    }

    pub fn u32(&mut self, key: &str, value: u32) -> &mut Self {
        self.raw(key, kind::U32, &value.to_le_bytes())
    }

    pub fn f32(&mut self, key: &str, value: f32) -> &mut Self {
        self.raw(key, kind::F32, &value.to_le_bytes())
    }

    pub fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw(key, kind::BOOL, &[u8::from(value)])
    }

    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        let bytes = self.text_bytes(value);
        self.raw(key, kind::TEXT, &bytes)
    }

    /// A list of `len` elements whose bytes are given.
    pub fn list(&mut self, key: &str, kind: u32, len: usize, elements: &[u8]) -> &mut Self {
        let bytes = [&kind.to_le_bytes(), &self.length(len)[..], elements].concat();
        self.raw(key, kind::LIST, &bytes)
    }

    pub fn texts(&mut self, key: &str, values: &[&str]) -> &mut Self {
        let elements = values.iter().flat_map(|value| self.text_bytes(value)).collect::<Vec<_>>();
        self.list(key, kind::TEXT, values.len(), &elements)
    }

    pub fn i32s(&mut self, key: &str, values: &[i32]) -> &mut Self {
        let elements = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
        self.list(key, kind::I32, values.len(), &elements)
    }

    pub fn tensor(&mut self, name: &str, shape: &[u64], kind: u32, bytes: &[u8]) -> &mut Self {
        let (name, shape, bytes) = (name.to_owned(), shape.to_vec(), bytes.to_vec());
        self.tensors.push(Tensor { name, shape, kind, bytes, shift: 0 });
        self
    }

    /// A tensor of F32 with these values.
    pub fn floats(&mut self, name: &str, shape: &[u64], values: &[f32]) -> &mut Self {
        assert_eq!(shape.iter().product::<u64>(), values.len() as u64, "values of `{name}`");
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, shape, ggml::F32, &bytes)
    }

    /// Moves the last tensor's offset.
    pub fn shifted(&mut self, shift: i64) -> &mut Self {
        self.tensors.last_mut().expect("there is a tensor").shift = shift;
        self
    }

    /// The file, and where its data begin.
    pub fn parts(&self) -> (Vec<u8>, usize) {
        let mut file = b"GGUF".to_vec();
        file.extend(self.version.to_le_bytes());
        file.extend(self.length(self.tensors.len()));
        file.extend(self.length(self.pairs.len()));
        for (key, value) in &self.pairs {
            file.extend(self.text_bytes(key));
            file.extend(value);
        }
        let mut data = Vec::new();
        for tensor in &self.tensors {
            data.resize(usize::next_multiple_of(data.len(), self.alignment), 0);
            file.extend(self.text_bytes(&tensor.name));
            file.extend((tensor.shape.len() as u32).to_le_bytes());
            for &size in tensor.shape.iter().rev() {
                file.extend(self.length(size as usize));
            }
            file.extend(tensor.kind.to_le_bytes());
            file.extend((data.len() as i64 + tensor.shift).to_le_bytes());
            data.extend(&tensor.bytes);
        }
        file.resize(file.len().next_multiple_of(self.alignment), 0);
        let start = file.len();
        file.extend(data);
        (file, start)
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.parts().0
    }
}
