//! The types in which GGML stores tensors: blocks of values that share their scales.

/// How a tensor's values are stored. `d` and `m` are a block's own numbers, `s` and `t` those of a part of
/// it, `q` the stored integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GgmlType {
    /// 32-bit floats.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// 4 bits: `d (q − 8)`.
    Q4_0,
    /// 4 bits: `d q + m`.
    Q4_1,
    /// 5 bits: `d (q − 16)`.
    Q5_0,
    /// 5 bits: `d q + m`.
    Q5_1,
    /// 8 bits: `d q`.
    Q8_0,
    /// 2 bits, parts of 16: `d s q − m t`.
    Q2K,
    /// 3 bits, parts of 16: `d (s − 32) (q − 4)`.
    Q3K,
    /// 4 bits, parts of 32: `d s q − m t`.
    Q4K,
    /// 5 bits, parts of 32: `d s q − m t`.
    Q5K,
    /// 6 bits, parts of 16: `d s (q − 32)`.
    Q6K,
}

/// Every type that is read: its number, its name, values and bytes of a block.
const READ: [(u32, GgmlType, &str, usize, usize); 13] = [
    (0, GgmlType::F32, "F32", 1, 4),
    (1, GgmlType::F16, "F16", 1, 2),
    (30, GgmlType::Bf16, "BF16", 1, 2),
    (2, GgmlType::Q4_0, "Q4_0", 32, 2 + 16),
    (3, GgmlType::Q4_1, "Q4_1", 32, 2 + 2 + 16),
    (6, GgmlType::Q5_0, "Q5_0", 32, 2 + 4 + 16),
    (7, GgmlType::Q5_1, "Q5_1", 32, 2 + 2 + 4 + 16),
    (8, GgmlType::Q8_0, "Q8_0", 32, 2 + 32),
    (10, GgmlType::Q2K, "Q2_K", 256, 16 + 64 + 2 + 2),
    (11, GgmlType::Q3K, "Q3_K", 256, 32 + 64 + 12 + 2),
    (12, GgmlType::Q4K, "Q4_K", 256, 2 + 2 + 12 + 128),
    (13, GgmlType::Q5K, "Q5_K", 256, 2 + 2 + 12 + 32 + 128),
    (14, GgmlType::Q6K, "Q6_K", 256, 128 + 64 + 16 + 2),
];

/// Types that are not read, so that an error can name them.
const REFUSED: [(u32, &str); 23] = [
    (4, "Q4_2"),
    (5, "Q4_3"),
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
];

impl GgmlType {
    /// The type of this number, or the name of one that is not read.
    pub(crate) fn from_id(id: u32) -> Result<Self, String> {
        if let Some((_, ggml_type, ..)) = READ.iter().find(|(number, ..)| *number == id) {
            return Ok(*ggml_type);
        }
        let named = REFUSED.iter().find(|(number, _)| *number == id);
        Err(named.map_or_else(|| format!("GGML type {id}"), |(_, name)| (*name).to_owned()))
    }

    /// Names of all types that are read.
    pub(crate) fn known() -> String {
        READ.map(|(_, _, name, ..)| name).join(", ")
    }

    fn row(self) -> (u32, &'static str, usize, usize) {
        let (id, _, name, block, bytes) =
            READ.iter().find(|(_, ggml_type, ..)| *ggml_type == self).expect("every type has its row");
        (*id, name, *block, *bytes)
    }

    /// The format's number.
    pub fn id(self) -> u32 {
        self.row().0
    }

    /// The format's name, such as `Q4_1`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Whether tensors of the type are written, not only read.
    pub fn is_written(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16 | Self::Q8_0)
    }

    /// Values in one block.
    pub fn block_len(self) -> usize {
        self.row().2
    }

    /// Bytes of one block.
    pub fn block_bytes(self) -> usize {
        self.row().3
    }

    /// Bytes of a tensor of `shape`, slowest dimension first; `None` if its rows are not made of whole
    /// blocks or the product overflows.
    pub fn byte_len(self, shape: &[usize]) -> Option<usize> {
        let values = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
        let whole = shape.last().is_some_and(|row| row.is_multiple_of(self.block_len()));
        whole.then(|| (values / self.block_len()).checked_mul(self.block_bytes()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_whole_blocks() {
        // Two rows of two blocks of 20 bytes; a row of 33 does not divide; four bytes each overflow.
        assert_eq!(GgmlType::Q4_1.byte_len(&[2, 64]), Some(80));
        assert_eq!(GgmlType::Q8_0.byte_len(&[2, 33]), None);
        assert_eq!(GgmlType::F32.byte_len(&[usize::MAX]), None);
        assert_eq!(GgmlType::F32.byte_len(&[usize::MAX, 2]), None);
        // 64 values make two blocks, but each row is half of one.
        assert_eq!(GgmlType::Q4_0.byte_len(&[4, 16]), None);
    }

    #[test]
    fn numbers_and_names_are_distinct() {
        for (id, name) in REFUSED {
            assert_eq!(GgmlType::from_id(id), Err(name.to_owned()));
        }
        for (id, ggml_type, name, ..) in READ {
            assert_eq!(GgmlType::from_id(id), Ok(ggml_type));
            assert_eq!((ggml_type.name(), ggml_type.id()), (name, id));
        }
        assert_eq!(GgmlType::from_id(4_000_000), Err("GGML type 4000000".to_owned()));
    }
}
