//! Values of GGML's blocks of 256, whose parts have quantised scales of their own.

use crate::halves::half_at;

/// Bits `shift` and `shift + 1` of a byte.
fn two_bits(byte: u8, shift: usize) -> u8 {
    (byte >> shift) & 3
}

/// Q2_K: 16 bytes of scales (low nibble) and minima (high nibble), 64 bytes of 2-bit values, `d`, `m`.
///
/// Each half of 128 values lies in 32 bytes: the lowest two bits of all of them are the first 32 values.
pub(crate) fn q2(block: &[u8], values: &mut [f32]) {
    let (scales, quants) = block.split_at(16);
    let (d, m) = (half_at(block, 80), half_at(block, 82));
    for (part, values) in values.chunks_exact_mut(16).enumerate() {
        let (scale, minimum) = (d * f32::from(scales[part] & 15), m * f32::from(scales[part] >> 4));
        let (half, shift, side) = (part / 8, part % 8 / 2 * 2, part % 2);
        for (value, &byte) in values.iter_mut().zip(&quants[32 * half + 16 * side..]) {
            *value = scale * f32::from(two_bits(byte, shift)) - minimum;
        }
    }
}

/// Q3_K: 32 bytes of third bits, 64 bytes of low two bits as in Q2_K, 12 bytes of 6-bit scales, `d`.
///
/// Bit `g` of byte `l` of the third bits belongs to value `l` of the `g`-th 32.
pub(crate) fn q3(block: &[u8], values: &mut [f32]) {
    let (third, quants) = (&block[..32], &block[32..96]);
    let scales = six_bit_scales(&block[96..108]);
    let d = half_at(block, 108);
    for (part, values) in values.chunks_exact_mut(16).enumerate() {
        let scale = d * (f32::from(scales[part]) - 32.0);
        let (half, shift, side) = (part / 8, part % 8 / 2 * 2, part % 2);
        let low = &quants[32 * half + 16 * side..];
        for ((value, &low), &third) in values.iter_mut().zip(low).zip(&third[16 * side..]) {
            let q = two_bits(low, shift) | (((third >> (part / 2)) & 1) << 2);
            *value = scale * (f32::from(q) - 4.0);
        }
    }
}

/// The 16 scales of Q3_K: 8 bytes of low nibbles (first eight scales) and high nibbles (last eight), then 4
/// bytes with the upper two bits of scales `i`, `i + 4`, `i + 8`, `i + 12`.
fn six_bit_scales(bytes: &[u8]) -> [u8; 16] {
    std::array::from_fn(|part| {
        let low = if part < 8 { bytes[part] & 15 } else { bytes[part - 8] >> 4 };
        low | (two_bits(bytes[8 + part % 4], part / 4 * 2) << 4)
    })
}

/// Scale and minimum of part `part` of 8, from the 12 bytes of Q4_K and Q5_K: the first four of each are
/// the low six bits of bytes 0 to 3 and 4 to 7, whose upper two bits belong to the last four; these have
/// their low nibbles in bytes 8 to 11.
fn scale_and_minimum(bytes: &[u8], part: usize) -> (u8, u8) {
    if part < 4 {
        return (bytes[part] & 63, bytes[part + 4] & 63);
    }
    let low = bytes[part + 4];
    ((low & 15) | (bytes[part - 4] >> 6 << 4), (low >> 4) | (bytes[part] >> 6 << 4))
}

/// Q4_K: `d`, `m`, 12 bytes of scales and minima, 128 bytes of nibbles.
///
/// 32 bytes hold 64 values, the first 32 in the low nibbles.
pub(crate) fn q4(block: &[u8], values: &mut [f32]) {
    with_minima(block, &block[16..], values, |_, _| 0);
}

/// Q5_K: as Q4_K with 32 bytes of fifth bits before the nibbles; bit `g` of byte `l` belongs to value `l`
/// of the `g`-th 32.
pub(crate) fn q5(block: &[u8], values: &mut [f32]) {
    let fifth = &block[16..48];
    with_minima(block, &block[48..], values, |part, index| ((fifth[index] >> part) & 1) << 4);
}

fn with_minima(block: &[u8], nibbles: &[u8], values: &mut [f32], high: impl Fn(usize, usize) -> u8) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for (part, values) in values.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], part);
        let (scale, minimum) = (d * f32::from(scale), m * f32::from(minimum));
        let shift = part % 2 * 4;
        let bytes = &nibbles[part / 2 * 32..];
        for (index, (value, byte)) in values.iter_mut().zip(bytes).enumerate() {
            let q = ((byte >> shift) & 15) | high(part, index);
            *value = scale * f32::from(q) - minimum;
        }
    }
}

/// Q6_K: 128 bytes of low nibbles, 64 bytes of upper two bits, 16 signed scales, `d`.
///
/// Each half of 128 values takes 64 bytes of nibbles, low nibbles first, and 32 bytes of upper bits, the
/// lowest two bits of each first.
pub(crate) fn q6(block: &[u8], values: &mut [f32]) {
    let (nibbles, rest) = block.split_at(128);
    let (upper, scales) = rest.split_at(64);
    let d = half_at(block, 208);
    for (part, values) in values.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[part].cast_signed());
        let (half, group, side) = (part / 8, part % 8 / 2, part % 2);
        let low = &nibbles[64 * half + 32 * (group % 2) + 16 * side..];
        let upper = &upper[32 * half + 16 * side..];
        for ((value, low), &upper) in values.iter_mut().zip(low).zip(upper) {
            let q = ((low >> (group / 2 * 4)) & 15) | (two_bits(upper, group * 2) << 4);
            *value = scale * (f32::from(q) - 32.0);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Each test packs numbers by the layout's definition, value by value, and expects `d = 1/2` and
    //! `m = 1/4` times them; all results are exact in f32.

    use super::*;

    const D: [u8; 2] = [0x00, 0x38];
    const M: [u8; 2] = [0x00, 0x34];

    /// Numbers below `limit` without a pattern (a linear congruential sequence).
    fn numbers<const N: usize>(seed: u32, limit: u32) -> [u8; N] {
        let mut state = seed;
        std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) % limit) as u8
        })
    }

    fn decoded(decode: impl Fn(&[u8], &mut [f32]), block: &[u8]) -> Vec<f32> {
        let mut values = vec![f32::NAN; 256];
        decode(block, &mut values);
        values
    }

    /// Low two bits of Q2_K and Q3_K: 128 values in 32 bytes, four to a byte.
    fn pack_two_bits(quants: &[u8; 256]) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (i, q) in quants.iter().enumerate() {
            bytes[32 * (i / 128) + i % 32] |= (q & 3) << (2 * (i % 128 / 32));
        }
        bytes
    }

    /// Nibbles of Q4_K and Q5_K: 64 values in 32 bytes.
    fn pack_nibbles(quants: &[u8; 256]) -> [u8; 128] {
        let mut bytes = [0; 128];
        for (i, q) in quants.iter().enumerate() {
            bytes[32 * (i / 64) + i % 32] |= (q & 15) << (4 * (i % 64 / 32));
        }
        bytes
    }

    /// Scales and minima of Q4_K and Q5_K, six bits each.
    fn pack_scales(scales: &[u8; 8], minima: &[u8; 8]) -> [u8; 12] {
        let mut bytes = [0; 12];
        for part in 0..4 {
            bytes[part] |= scales[part];
            bytes[part + 4] |= minima[part];
            bytes[part + 8] = (scales[part + 4] & 15) | ((minima[part + 4] & 15) << 4);
            bytes[part] |= (scales[part + 4] >> 4) << 6;
            bytes[part + 4] |= (minima[part + 4] >> 4) << 6;
        }
        bytes
    }

    #[test]
    fn two_bits_with_scales_and_minima() {
        let (scales, minima, quants) = (numbers::<16>(1, 16), numbers::<16>(2, 16), numbers(3, 4));
        let parts: Vec<u8> = scales.iter().zip(&minima).map(|(s, t)| s | (t << 4)).collect();
        let block = [&parts, &pack_two_bits(&quants)[..], &D, &M].concat();
        for (i, value) in decoded(q2, &block).into_iter().enumerate() {
            let (s, t, q) = (f32::from(scales[i / 16]), f32::from(minima[i / 16]), f32::from(quants[i]));
            assert_eq!(value, 0.5 * s * q - 0.25 * t, "value {i}");
        }
    }

    #[test]
    fn three_bits_with_signed_scales() {
        let (scales, quants) = (numbers::<16>(4, 64), numbers::<256>(5, 8));
        let (mut third, mut packed) = ([0u8; 32], [0u8; 12]);
        for (i, q) in quants.iter().enumerate() {
            third[i % 32] |= (q >> 2) << (i / 32);
        }
        for (part, scale) in scales.iter().enumerate() {
            packed[part % 8] |= (scale & 15) << (4 * (part / 8));
            packed[8 + part % 4] |= (scale >> 4) << (2 * (part / 4));
        }
        let block = [&third[..], &pack_two_bits(&quants), &packed, &D].concat();
        for (i, value) in decoded(q3, &block).into_iter().enumerate() {
            let (s, q) = (f32::from(scales[i / 16]) - 32.0, f32::from(quants[i]) - 4.0);
            assert_eq!(value, 0.5 * s * q, "value {i}");
        }
    }

    #[test]
    fn four_and_five_bits_with_scales_and_minima() {
        let (scales, minima) = (numbers::<8>(6, 64), numbers::<8>(7, 64));
        let packed = pack_scales(&scales, &minima);
        let expected =
            |i: usize, q: u8| 0.5 * f32::from(scales[i / 32]) * f32::from(q) - 0.25 * f32::from(minima[i / 32]);
        let quants = numbers::<256>(8, 16);
        let block = [&D[..], &M, &packed, &pack_nibbles(&quants)].concat();
        for (i, value) in decoded(q4, &block).into_iter().enumerate() {
            assert_eq!(value, expected(i, quants[i]), "value {i} of Q4_K");
        }
        let quants = numbers::<256>(9, 32);
        let mut fifth = [0u8; 32];
        for (i, q) in quants.iter().enumerate() {
            fifth[i % 32] |= (q >> 4) << (i / 32);
        }
        let block = [&D[..], &M, &packed, &fifth, &pack_nibbles(&quants)].concat();
        for (i, value) in decoded(q5, &block).into_iter().enumerate() {
            assert_eq!(value, expected(i, quants[i]), "value {i} of Q5_K");
        }
    }

    #[test]
    fn six_bits_with_signed_scales() {
        let (scales, quants) = (numbers::<16>(10, 256), numbers::<256>(11, 64));
        let (mut nibbles, mut upper) = ([0u8; 128], [0u8; 64]);
        for (i, q) in quants.iter().enumerate() {
            let (half, group) = (i / 128, i % 128 / 32);
            nibbles[64 * half + 32 * (group % 2) + i % 32] |= (q & 15) << (4 * (group / 2));
            upper[32 * half + i % 32] |= (q >> 4) << (2 * group);
        }
        let block = [&nibbles[..], &upper, &scales, &D].concat();
        for (i, value) in decoded(q6, &block).into_iter().enumerate() {
            let (s, q) = (f32::from(scales[i / 16].cast_signed()), f32::from(quants[i]) - 32.0);
            assert_eq!(value, 0.5 * s * q, "value {i}");
        }
    }
}
