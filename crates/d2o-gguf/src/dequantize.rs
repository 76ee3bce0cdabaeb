//! Values of GGML's blocks of 32, and of plain floats. The sums follow the format's definition in order
//! and in f32, so that the results have the same bits as GGML's.

use half::bf16;

use crate::ggml_type::GgmlType;
use crate::halves::half_at;
use crate::k_quants;

impl GgmlType {
    /// The values of whole blocks.
    ///
    /// # Panics
    /// Never; bytes after the last whole block are not looked at.
    pub(crate) fn dequantize(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => each(self, bytes, |b, values| values[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            Self::F16 => each(self, bytes, |b, values| values[0] = half_at(b, 0)),
            Self::Bf16 => each(self, bytes, |b, values| values[0] = bf16::from_le_bytes([b[0], b[1]]).to_f32()),
            Self::Q4_0 => each(self, bytes, |b, values| {
                let d = half_at(b, 0);
                four_bits(&b[2..], values, |q| d * (f32::from(q) - 8.0));
            }),
            Self::Q4_1 => each(self, bytes, |b, values| {
                let (d, m) = (half_at(b, 0), half_at(b, 2));
                four_bits(&b[4..], values, |q| d * f32::from(q) + m);
            }),
            Self::Q5_0 => each(self, bytes, |b, values| {
                let d = half_at(b, 0);
                five_bits(&b[2..], values, |q| d * (f32::from(q) - 16.0));
            }),
            Self::Q5_1 => each(self, bytes, |b, values| {
                let (d, m) = (half_at(b, 0), half_at(b, 2));
                five_bits(&b[4..], values, |q| d * f32::from(q) + m);
            }),
            Self::Q8_0 => each(self, bytes, |b, values| {
                let d = half_at(b, 0);
                for (value, q) in values.iter_mut().zip(&b[2..]) {
                    *value = d * f32::from(q.cast_signed());
                }
            }),
            Self::Q2K => each(self, bytes, k_quants::q2),
            Self::Q3K => each(self, bytes, k_quants::q3),
            Self::Q4K => each(self, bytes, k_quants::q4),
            Self::Q5K => each(self, bytes, k_quants::q5),
            Self::Q6K => each(self, bytes, k_quants::q6),
        }
    }
}

/// Calls `block` with each block and the place for its values.
fn each(ggml_type: GgmlType, bytes: &[u8], block: impl Fn(&[u8], &mut [f32])) -> Vec<f32> {
    let blocks = bytes.chunks_exact(ggml_type.block_bytes());
    let mut values = vec![0.0; blocks.len() * ggml_type.block_len()];
    for (bytes, values) in blocks.zip(values.chunks_exact_mut(ggml_type.block_len())) {
        block(bytes, values);
    }
    values
}

/// Low nibbles are the first 16 values, high nibbles the last 16.
fn four_bits(nibbles: &[u8], values: &mut [f32], value: impl Fn(u8) -> f32) {
    let (first, last) = values.split_at_mut(16);
    for ((low, high), byte) in first.iter_mut().zip(last).zip(nibbles) {
        *low = value(byte & 15);
        *high = value(byte >> 4);
    }
}

/// Four bytes of fifth bits, bit `i` for value `i`, then nibbles as above.
fn five_bits(block: &[u8], values: &mut [f32], value: impl Fn(u8) -> f32) {
    let fifth = u32::from_le_bytes([block[0], block[1], block[2], block[3]]);
    let bit = |index: usize| ((fifth >> index) as u8 & 1) << 4;
    let (first, last) = values.split_at_mut(16);
    for (index, ((low, high), byte)) in first.iter_mut().zip(last).zip(&block[4..]).enumerate() {
        *low = value((byte & 15) | bit(index));
        *high = value((byte >> 4) | bit(index + 16));
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    fn block(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn four_bits_with_minimum() {
        // d = 0.5, m = −1; byte i holds low nibble i and high nibble 15 − i.
        let nibbles: Vec<u8> = (0..16u8).map(|i| i | ((15 - i) << 4)).collect();
        let bytes = block(&[&f16::from_f32(0.5).to_le_bytes(), &f16::from_f32(-1.0).to_le_bytes(), &nibbles]);
        let values = GgmlType::Q4_1.dequantize(&bytes);
        for i in 0..16 {
            assert_eq!(values[i], 0.5 * i as f32 - 1.0);
            assert_eq!(values[16 + i], 0.5 * (15 - i) as f32 - 1.0);
        }
        let bytes = block(&[&f16::from_f32(0.5).to_le_bytes(), &nibbles]);
        let values = GgmlType::Q4_0.dequantize(&bytes);
        assert_eq!((values[0], values[15], values[16]), (-4.0, 3.5, 3.5));
    }

    #[test]
    fn five_bits_take_the_fifth_from_the_mask() {
        // Only value 3 and value 20 have their fifth bit set; all nibbles are 1.
        let high = (1u32 << 3 | 1 << 20).to_le_bytes();
        let bytes = block(&[&f16::from_f32(2.0).to_le_bytes(), &high, &[0x11; 16]]);
        let values = GgmlType::Q5_0.dequantize(&bytes);
        for (index, value) in values.iter().enumerate() {
            let q = if index == 3 || index == 20 { 17.0 } else { 1.0 };
            assert_eq!(*value, 2.0 * (q - 16.0), "value {index}");
        }
    }

    #[test]
    fn eight_bits_are_signed() {
        let quants: Vec<u8> = (0..32).map(|i| (i as i8 - 16) as u8).collect();
        let bytes = block(&[&f16::from_f32(0.25).to_le_bytes(), &quants]);
        let values = GgmlType::Q8_0.dequantize(&bytes);
        assert_eq!((values[0], values[16], values[31]), (-4.0, 0.0, 3.75));
    }

    #[test]
    fn five_bits_with_minimum() {
        // All fifth bits set, all nibbles 2: q = 18 everywhere, 18 · 0.5 − 3 = 6.
        let bytes =
            block(&[&f16::from_f32(0.5).to_le_bytes(), &f16::from_f32(-3.0).to_le_bytes(), &[0xff; 4], &[0x22; 16]]);
        assert_eq!(GgmlType::Q5_1.dequantize(&bytes), [6.0; 32]);
    }

    #[test]
    fn floats_keep_their_values() {
        let numbers = [1.5f32, -2.0, 0.0, 1024.0];
        let f32s: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let f16s: Vec<u8> = numbers.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect();
        let bf16s: Vec<u8> = numbers.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect();
        assert_eq!(GgmlType::F32.dequantize(&f32s), numbers);
        assert_eq!(GgmlType::F16.dequantize(&f16s), numbers);
        assert_eq!(GgmlType::Bf16.dequantize(&bf16s), numbers);
    }

    #[test]
    fn blocks_follow_each_other() {
        // Two blocks of Q8_0 with scales 1 and 2 and all quants 3.
        let one = block(&[&f16::from_f32(1.0).to_le_bytes(), &[3; 32]]);
        let two = block(&[&f16::from_f32(2.0).to_le_bytes(), &[3; 32]]);
        let values = GgmlType::Q8_0.dequantize(&block(&[&one, &two]));
        assert_eq!(values[..32], [3.0; 32]);
        assert_eq!(values[32..], [6.0; 32]);
    }
}
