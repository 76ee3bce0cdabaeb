//! How matrices are cut: what an instruction set multiplies at once, and the blocks of the inner dimension.

use crate::cpu::level::{Kind, Level};

/// What one tile of a product is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Most rows.
    pub(super) rows: usize,
    /// Columns: the width of a panel.
    pub(super) columns: usize,
    /// Rows are stored in multiples of this.
    pub(super) row_step: usize,
    /// Pairs along the inner dimension come in multiples of this.
    pub(super) pair_step: usize,
}

/// The largest tile of any level, in values.
pub(super) const LARGEST: usize = 32 * 48;

impl Tile {
    pub(super) fn of(level: Level) -> Self {
        match level.kind() {
            // Four tiles of 16 × 16 sums; a tile of factors holds 16 pairs.
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => Self { rows: 32, columns: 32, row_step: 16, pair_step: 16 },
            // 8 rows of three vectors are 24 of the 32 registers.
            _ => Self { rows: 8, columns: 48, row_step: 1, pair_step: 1 },
        }
    }
}

/// The inner dimension in blocks of pairs, so that a panel's block stays in the second-level cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inner {
    /// Numbers along it.
    pub(super) size: usize,
    /// Blocks.
    pub(super) blocks: usize,
    /// Pairs in every block; what is beyond `size` is zero.
    pub(super) pairs: usize,
}

/// Most pairs in a block, a multiple of every step. No power of two: rows as far apart as one share places of a cache.
pub(super) const MOST_PAIRS: usize = 480;

impl Inner {
    pub(super) fn of(level: Level, size: usize) -> Self {
        let all = size.div_ceil(2);
        let blocks = all.div_ceil(MOST_PAIRS).max(1);
        Self { size, blocks, pairs: all.div_ceil(blocks).next_multiple_of(Tile::of(level).pair_step) }
    }

    /// Pairs of all blocks.
    pub(super) fn all_pairs(self) -> usize {
        self.blocks * self.pairs
    }

    /// The numbers along the dimension that belong to `block`.
    pub(super) fn block(self, block: usize) -> std::ops::Range<usize> {
        let end = |block: usize| (2 * block * self.pairs).min(self.size);
        end(block)..end(block + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_dimension_and_are_of_one_size() {
        for level in Level::all() {
            for size in [0, 1, 2, 31, 576, 960, 961, 1536, 49_152] {
                let inner = Inner::of(level, size);
                let covered: Vec<usize> = (0..inner.blocks).flat_map(|block| inner.block(block)).collect();
                assert_eq!(covered, (0..size).collect::<Vec<_>>(), "{size}");
                assert!(inner.pairs <= MOST_PAIRS && inner.pairs.is_multiple_of(Tile::of(level).pair_step), "{size}");
            }
        }
    }
}
