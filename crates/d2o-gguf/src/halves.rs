//! Half-precision numbers inside a block.

use half::f16;

/// The half-precision number at byte `at`.
pub(crate) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}
