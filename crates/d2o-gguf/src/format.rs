//! Numbers that the format fixes, for reading and writing.

/// What a file begins with.
pub(crate) const MAGIC: &[u8] = b"GGUF";

/// Tensors begin at multiples of this, where `general.alignment` says nothing else.
pub(crate) const DEFAULT_ALIGNMENT: usize = 32;

/// Types of metadata values.
pub(crate) mod kind {
    pub(crate) const U8: u32 = 0;
    pub(crate) const I8: u32 = 1;
    pub(crate) const U16: u32 = 2;
    pub(crate) const I16: u32 = 3;
    pub(crate) const U32: u32 = 4;
    pub(crate) const I32: u32 = 5;
    pub(crate) const F32: u32 = 6;
    pub(crate) const BOOL: u32 = 7;
    pub(crate) const TEXT: u32 = 8;
    pub(crate) const LIST: u32 = 9;
    pub(crate) const U64: u32 = 10;
    pub(crate) const I64: u32 = 11;
    pub(crate) const F64: u32 = 12;
}
