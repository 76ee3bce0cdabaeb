//! One tile of a product, by what the processor has for pairs of bf16.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;

use super::shape::{LARGEST, Tile};
use crate::cpu::level::{Kind, Level};

#[cfg(target_arch = "x86_64")]
pub(crate) use amx::permitted as amx_is_permitted;

/// The sums of one tile, row by row; those of rows and columns beyond it mean nothing.
#[repr(align(64))]
pub(super) struct Sums(pub(super) [f32; LARGEST]);

/// What multiplies tiles on this thread.
pub(super) struct Tiles {
    level: Level,
    /// Held as long as tiles of AMX are in use.
    #[cfg(target_arch = "x86_64")]
    _registers: Option<amx::Registers>,
    /// Room for the plain products.
    numbers: Vec<f32>,
}

impl Tiles {
    pub(super) fn new(level: Level) -> Self {
        Self {
            level,
            #[cfg(target_arch = "x86_64")]
            _registers: (level.kind() == Kind::Amx).then(|| amx::Registers::new(level)),
            numbers: if level.multiplies_bf16() { Vec::new() } else { vec![0.0; plain::NUMBERS] },
        }
    }

    /// `sums[row][column] += Σ_pair left[row][pair] · right[pair][column]`, both numbers of each word, for the first
    /// `width` columns.
    ///
    /// # Panics
    /// If the factors are not whole rows of one inner size, or more rows than a tile has.
    pub(super) fn accumulate(&mut self, left: &[u32], right: &[u32], width: usize, sums: &mut Sums) {
        let tile = Tile::of(self.level);
        let pairs = right.len() / tile.columns;
        if pairs == 0 {
            return;
        }
        let rows = left.len() / pairs;
        assert_eq!((rows * pairs, pairs * tile.columns), (left.len(), right.len()), "whole rows");
        assert!(
            rows <= tile.rows && rows.is_multiple_of(tile.row_step) && width <= tile.columns,
            "{rows} rows of a tile"
        );
        let vectors = width.div_ceil(16);
        match self.level.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => amx::accumulate(self.level, left, right, [rows, pairs, vectors], sums),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 => avx512::accumulate(self.level, left, right, [rows, pairs, vectors], sums),
            _ => plain::accumulate(self.level, left, right, [rows, pairs, vectors], &mut self.numbers, sums),
        }
    }
}
