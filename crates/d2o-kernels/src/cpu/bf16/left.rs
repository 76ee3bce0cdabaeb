//! The left factor of a product: rows of pairs.

use std::ops::Range;

use rayon::prelude::*;

use super::aligned::Words;
use super::rounding::{words_across, words_along};
use super::shape::{Inner, Tile};
use super::transpose::{Block, transpose};
use crate::cpu::buffer::SharedOutput;
use crate::cpu::level::{Level, multiversion};
use crate::cpu::matrix::View;

/// Rows that one task packs.
const ROWS: usize = 64;

/// A matrix `[rows, inner]`, rounded to bf16.
#[derive(Clone)]
pub(crate) struct Left {
    level: Level,
    rows: usize,
    stored_rows: usize,
    inner: Inner,
    /// `[block][row][pair]`; what is beyond the matrix is zero.
    words: Words,
}

impl Left {
    /// Rounds and packs a matrix that lies row by row, or its transpose.
    pub(crate) fn pack(level: Level, matrix: View<'_>) -> Self {
        let (rows, inner) = (matrix.rows(), Inner::of(level, matrix.columns()));
        let stored_rows = rows.next_multiple_of(Tile::of(level).row_step);
        let mut words = Words::zeros(stored_rows * inner.all_pairs());
        let place = SharedOutput::new(&mut words);
        let groups = rows.div_ceil(ROWS);
        (0..groups * inner.blocks).into_par_iter().for_each(|task| {
            let (group, block) = (task % groups, task / groups);
            let rows = group * ROWS..((group + 1) * ROWS).min(rows);
            let (at, len) = ((block * stored_rows + rows.start) * inner.pairs, rows.len() * inner.pairs);
            // SAFETY: every block of every row belongs to one task.
            #[allow(unsafe_code)]
            let words = unsafe { place.part(at, len) };
            if matrix.lies_by_rows() {
                pack_rows(level, matrix, rows, inner.block(block), words);
            } else {
                pack_columns(level, matrix.t(), rows, inner.block(block), words);
            }
        });
        Self { level, rows, stored_rows, inner, words }
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Rows of the matrix.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn inner(&self) -> Inner {
        self.inner
    }

    /// One block of some rows, `[row][pair]`; `rows` may reach beyond the matrix as far as rows are stored.
    pub(super) fn block(&self, block: usize, rows: Range<usize>) -> &[u32] {
        let start = block * self.stored_rows;
        &self.words[(start + rows.start) * self.inner.pairs..(start + rows.end) * self.inner.pairs]
    }
}

multiversion! {
    /// Rows `rows` of a matrix that lies row by row, of its columns `inner`.
    fn pack_rows(matrix: View<'_>, rows: Range<usize>, inner: Range<usize>, words: &mut [u32]) = pack_rows_body
}

#[inline(always)]
fn pack_rows_body<const FMA: bool>(matrix: View<'_>, rows: Range<usize>, inner: Range<usize>, words: &mut [u32]) {
    let pairs = words.len() / rows.len();
    for (row, words) in rows.zip(words.chunks_exact_mut(pairs.max(1))) {
        words_along(&matrix.row(row)[inner.clone()], words);
    }
}

multiversion! {
    /// The same of the transpose of a matrix that lies row by row: its columns `rows`, of its rows `inner`.
    fn pack_columns(matrix: View<'_>, rows: Range<usize>, inner: Range<usize>, words: &mut [u32]) = pack_columns_body
}

#[inline(always)]
fn pack_columns_body<const FMA: bool>(matrix: View<'_>, rows: Range<usize>, inner: Range<usize>, words: &mut [u32]) {
    let pairs = words.len() / rows.len();
    for first_pair in (0..inner.len().div_ceil(2)).step_by(16) {
        let count = 16.min(pairs - first_pair);
        for first_row in rows.clone().step_by(16) {
            let columns = first_row..(first_row + 16).min(rows.end);
            let mut block: Block = [[0; 16]; 16];
            for (at, words) in block.iter_mut().enumerate() {
                let first = inner.start + 2 * (first_pair + at);
                if first >= inner.end {
                    break;
                }
                let second = (first + 1 < inner.end).then(|| &matrix.row(first + 1)[columns.clone()]);
                words_across(&matrix.row(first)[columns.clone()], second, words);
            }
            transpose(&mut block);
            for (row, block) in columns.zip(&block) {
                let at = (row - rows.start) * pairs + first_pair;
                words[at..at + count].copy_from_slice(&block[..count]);
            }
        }
    }
}
