//! Numbers rounded to bf16, two to a word, in the order in which the product reads them.

use crate::cpu::level::multiversion;

/// Columns that are computed together: three vectors of 16.
pub(super) const PANEL: usize = 48;

multiversion! {
    fn pack_row(x: &[f32], packed: &mut [u32]) = pack_row_body
}

#[inline(always)]
fn pack_row_body<const FMA: bool>(x: &[f32], packed: &mut [u32]) {
    let whole = x.chunks_exact(2);
    if let Some(&last) = whole.remainder().first() {
        packed[x.len() / 2] = bf16(last);
    }
    for (word, pair) in packed.iter_mut().zip(whole) {
        *word = bf16(pair[0]) | bf16(pair[1]) << 16;
    }
}

/// The upper half of an f32, rounded to nearest even; NaN stays NaN.
#[inline(always)]
pub(crate) fn bf16(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    if x.is_nan() { 0x7fc0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_nearest_even() {
        // 1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷: the tie goes to the even mantissa, 1.
        assert_eq!(f32::from_bits(bf16(1.0 + 1.0 / 256.0) << 16), 1.0);
        // 1 + 3 · 2⁻⁸ is as far from 1 + 2⁻⁷ as from 1 + 2⁻⁶: the latter is even.
        assert_eq!(f32::from_bits(bf16(1.0 + 3.0 / 256.0) << 16), 1.0 + 1.0 / 64.0);
        assert_eq!(f32::from_bits(bf16(f32::NEG_INFINITY) << 16), f32::NEG_INFINITY);
        assert!(f32::from_bits(bf16(f32::NAN) << 16).is_nan());
    }
}
