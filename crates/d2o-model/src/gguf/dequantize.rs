//! Block formats of GGML and their values as f32.

use half::{bf16, f16};

/// How a tensor's values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    F32,
    F16,
    Bf16,
    /// 32 values in 4 bits: `d (q − 8)`.
    Q4_0,
    /// 32 values in 4 bits: `d q + m`.
    Q4_1,
    /// 32 values in 5 bits: `d (q − 16)`.
    Q5_0,
    /// 32 values in 5 bits: `d q + m`.
    Q5_1,
    /// 32 values in 8 bits: `d q`.
    Q8_0,
}

impl Encoding {
    pub(crate) fn from_id(id: u32) -> Option<Self> {
        Some(match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Values in one block.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            _ => 32,
        }
    }

    fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
        }
    }

    /// Bytes of `values` values in rows of `row`; `None` if a row is not made of whole blocks or the
    /// product overflows.
    pub(crate) fn bytes(self, row: usize, values: usize) -> Option<usize> {
        if !row.is_multiple_of(self.block()) {
            return None;
        }
        (values / self.block()).checked_mul(self.block_bytes())
    }

    /// The values; `bytes` holds whole blocks.
    pub(crate) fn dequantize(self, bytes: &[u8]) -> Vec<f32> {
        let blocks = bytes.chunks_exact(self.block_bytes());
        let mut values = Vec::with_capacity(blocks.len() * self.block());
        match self {
            Self::F32 => values.extend(blocks.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
            Self::F16 => values.extend(blocks.map(|b| half_at(b, 0))),
            Self::Bf16 => values.extend(blocks.map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())),
            Self::Q4_0 => blocks.for_each(|b| four_bits(&b[2..], half_at(b, 0), -8.0 * half_at(b, 0), &mut values)),
            Self::Q4_1 => blocks.for_each(|b| four_bits(&b[4..], half_at(b, 0), half_at(b, 2), &mut values)),
            Self::Q5_0 => blocks.for_each(|b| five_bits(&b[2..], half_at(b, 0), -16.0 * half_at(b, 0), &mut values)),
            Self::Q5_1 => blocks.for_each(|b| five_bits(&b[4..], half_at(b, 0), half_at(b, 2), &mut values)),
            Self::Q8_0 => blocks.for_each(|b| {
                let scale = half_at(b, 0);
                values.extend(b[2..].iter().map(|&q| scale * f32::from(q as i8)));
            }),
        }
        values
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Low nibbles are the first 16 values, high nibbles the last 16: `scale · q + shift`.
fn four_bits(nibbles: &[u8], scale: f32, shift: f32, values: &mut Vec<f32>) {
    values.extend(nibbles.iter().map(|byte| scale * f32::from(byte & 15) + shift));
    values.extend(nibbles.iter().map(|byte| scale * f32::from(byte >> 4) + shift));
}

/// Four bytes of fifth bits, bit `i` for value `i`, then nibbles as above.
fn five_bits(block: &[u8], scale: f32, shift: f32, values: &mut Vec<f32>) {
    let high = u32::from_le_bytes([block[0], block[1], block[2], block[3]]);
    let nibbles = &block[4..];
    let value = |low: u8, index: usize| {
        let fifth = ((high >> index) & 1) as u8;
        scale * f32::from(low | (fifth << 4)) + shift
    };
    values.extend(nibbles.iter().enumerate().map(|(index, byte)| value(byte & 15, index)));
    values.extend(nibbles.iter().enumerate().map(|(index, byte)| value(byte >> 4, index + 16)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn four_bits_with_minimum() {
        // d = 0.5, m = −1; byte i holds low nibble i and high nibble 15 − i.
        let nibbles: Vec<u8> = (0..16u8).map(|i| i | ((15 - i) << 4)).collect();
        let bytes = block(&[&f16::from_f32(0.5).to_le_bytes(), &f16::from_f32(-1.0).to_le_bytes(), &nibbles]);
        let values = Encoding::Q4_1.dequantize(&bytes);
        for i in 0..16 {
            assert_eq!(values[i], 0.5 * i as f32 - 1.0);
            assert_eq!(values[16 + i], 0.5 * (15 - i) as f32 - 1.0);
        }
        let bytes = block(&[&f16::from_f32(0.5).to_le_bytes(), &nibbles]);
        let values = Encoding::Q4_0.dequantize(&bytes);
        assert_eq!((values[0], values[15], values[16]), (-4.0, 3.5, 3.5));
    }

    #[test]
    fn five_bits_take_the_fifth_from_the_mask() {
        // Only value 3 and value 20 have their fifth bit set; all nibbles are 1.
        let high = (1u32 << 3 | 1 << 20).to_le_bytes();
        let bytes = block(&[&f16::from_f32(2.0).to_le_bytes(), &high, &[0x11; 16]]);
        let values = Encoding::Q5_0.dequantize(&bytes);
        for (index, value) in values.iter().enumerate() {
            let q = if index == 3 || index == 20 { 17.0 } else { 1.0 };
            assert_eq!(*value, 2.0 * (q - 16.0), "value {index}");
        }
    }

    #[test]
    fn eight_bits_are_signed() {
        let quants: Vec<u8> = (0..32).map(|i| (i as i8 - 16) as u8).collect();
        let bytes = block(&[&f16::from_f32(0.25).to_le_bytes(), &quants]);
        let values = Encoding::Q8_0.dequantize(&bytes);
        assert_eq!((values[0], values[16], values[31]), (-4.0, 0.0, 3.75));
    }

    #[test]
    fn sizes() {
        assert_eq!(Encoding::Q4_1.bytes(64, 128), Some(80));
        assert_eq!(Encoding::Q8_0.bytes(33, 66), None);
        assert_eq!(Encoding::F32.bytes(3, usize::MAX), None);
    }
}
