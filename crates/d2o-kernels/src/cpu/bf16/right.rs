//! The right factor of a product: panels of columns.

use std::ops::Range;

use rayon::prelude::*;

use super::aligned::Words;
use super::rounding::{words_across, words_along};
use super::shape::{Inner, Tile};
use super::transpose::{Block, transpose};
use crate::cpu::level::{Level, multiversion};
use crate::cpu::matrix::View;

/// A matrix `[inner, columns]`, rounded to bf16.
#[derive(Clone)]
pub(crate) struct Right {
    level: Level,
    columns: usize,
    inner: Inner,
    /// `[panel][block][pair][column]`; what is beyond the matrix is zero.
    words: Words,
}

impl Right {
    /// Rounds and packs a matrix that lies row by row, or its transpose.
    pub(crate) fn pack(level: Level, matrix: View<'_>) -> Self {
        let (inner, columns) = (Inner::of(level, matrix.rows()), matrix.columns());
        let width = Tile::of(level).columns;
        let panel = inner.all_pairs() * width;
        let mut words = Words::zeros(columns.div_ceil(width) * panel);
        words.par_chunks_exact_mut(panel.max(1)).enumerate().for_each(|(index, words)| {
            let columns = index * width..((index + 1) * width).min(columns);
            for (block, words) in words.chunks_exact_mut((inner.pairs * width).max(1)).enumerate() {
                if matrix.lies_by_rows() {
                    pack_rows(level, matrix, inner.block(block), columns.clone(), width, words);
                } else {
                    pack_columns(level, matrix.t(), inner.block(block), columns.clone(), width, words);
                }
            }
        });
        Self { level, columns, inner, words }
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Columns of the matrix.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of the matrix.
    pub(crate) fn rows(&self) -> usize {
        self.inner.size
    }

    pub(super) fn inner(&self) -> Inner {
        self.inner
    }

    /// One block of a panel, `[pair][column]`.
    pub(super) fn block(&self, panel: usize, block: usize) -> &[u32] {
        let len = self.inner.pairs * Tile::of(self.level).columns;
        let at = (panel * self.inner.blocks + block) * len;
        &self.words[at..at + len]
    }
}

multiversion! {
    /// Rows `inner` of a matrix that lies row by row, of its columns `columns`, in a panel of `width` columns.
    fn pack_rows(
        matrix: View<'_>,
        inner: Range<usize>,
        columns: Range<usize>,
        width: usize,
        words: &mut [u32],
    ) = pack_rows_body
}

#[inline(always)]
fn pack_rows_body<const FMA: bool>(
    matrix: View<'_>,
    inner: Range<usize>,
    columns: Range<usize>,
    width: usize,
    words: &mut [u32],
) {
    for (first, words) in inner.clone().step_by(2).zip(words.chunks_exact_mut(width)) {
        let second = (first + 1 < inner.end).then(|| &matrix.row(first + 1)[columns.clone()]);
        words_across(&matrix.row(first)[columns.clone()], second, words);
    }
}

multiversion! {
    /// The same of the transpose of a matrix that lies row by row: its columns `inner`, of its rows `columns`.
    fn pack_columns(
        matrix: View<'_>,
        inner: Range<usize>,
        columns: Range<usize>,
        width: usize,
        words: &mut [u32],
    ) = pack_columns_body
}

#[inline(always)]
fn pack_columns_body<const FMA: bool>(
    matrix: View<'_>,
    inner: Range<usize>,
    columns: Range<usize>,
    width: usize,
    words: &mut [u32],
) {
    for first_column in columns.clone().step_by(16) {
        let rows = first_column..(first_column + 16).min(columns.end);
        let lane = first_column - columns.start;
        for (group, words) in words.chunks_mut(16 * width).enumerate() {
            let numbers = inner.start + 32 * group..(inner.start + 32 * (group + 1)).min(inner.end);
            if numbers.is_empty() {
                break;
            }
            let mut block: Block = [[0; 16]; 16];
            for (row, words) in rows.clone().zip(&mut block) {
                words_along(&matrix.row(row)[numbers.clone()], words);
            }
            transpose(&mut block);
            for (words, block) in words.chunks_exact_mut(width).zip(&block) {
                words[lane..lane + 16].copy_from_slice(block);
            }
        }
    }
}
