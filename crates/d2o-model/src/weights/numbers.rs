//! Numbers as files hold them, little endian.

use half::{bf16, f16};

/// f32 from their bytes; a remainder of less than four bytes is left out.
pub(crate) fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// f32 from the bytes of IEEE half-precision numbers.
pub(crate) fn from_f16(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
}

/// f32 from the bytes of bfloat16 numbers.
pub(crate) fn from_bf16(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
}
