//! The product of packed factors, tile by tile, in parallel.

use std::ops::Range;

use rayon::prelude::*;

use super::left::Left;
use super::right::Right;
use super::shape::{LARGEST, Tile};
use super::tiles;
use crate::cpu::buffer::SharedOutput;
use crate::cpu::matrix::Output;

/// Rows of one task at the most: their pairs stay in the second-level cache.
const ROWS: usize = 128;
/// Panels of one task at the most.
const PANELS: usize = 8;

/// `result ← A B`, or the same added, `[rows, columns]`. The same bits for any number of threads.
///
/// # Panics
/// If the inner sizes or the levels differ, or `result` is of another size.
pub(crate) fn multiply(result: &mut [f32], a: &Left, b: &Right, output: Output) {
    assert_eq!((a.inner(), a.level()), (b.inner(), b.level()), "inner sizes and levels");
    let (rows, columns) = (a.rows(), b.columns());
    assert_eq!(result.len(), rows * columns, "a result of {rows} × {columns}");
    let tile = Tile::of(a.level());
    let rows = Parts::new(rows, ROWS, tile.rows);
    let panels = Parts::new(columns.div_ceil(tile.columns), PANELS, 1);
    let place = SharedOutput::new(result);
    (0..rows.count * panels.count).into_par_iter().for_each(|task| {
        let part = Part { a, b, output, rows: rows.get(task / panels.count), panels: panels.get(task % panels.count) };
        part.run(place);
    });
}

/// A number of things in parts of about one size.
#[derive(Clone, Copy)]
struct Parts {
    all: usize,
    each: usize,
    count: usize,
}

impl Parts {
    /// Parts of at most `most`, each but the last a multiple of `step`.
    fn new(all: usize, most: usize, step: usize) -> Self {
        let each = all.div_ceil(all.div_ceil(most).max(1)).next_multiple_of(step).max(1);
        Self { all, each, count: all.div_ceil(each) }
    }

    fn get(self, part: usize) -> Range<usize> {
        part * self.each..((part + 1) * self.each).min(self.all)
    }
}

/// Some rows and panels of a product.
struct Part<'a> {
    a: &'a Left,
    b: &'a Right,
    output: Output,
    rows: Range<usize>,
    panels: Range<usize>,
}

impl Part<'_> {
    fn run(&self, place: SharedOutput<'_>) {
        let Self { a, b, .. } = *self;
        let (level, tile) = (a.level(), Tile::of(a.level()));
        let mut tiles = tiles::Tiles::new(level);
        let mut sums = tiles::Sums([0f32; LARGEST]);
        for block in 0..a.inner().blocks {
            for panel in self.panels.clone() {
                let right = b.block(panel, block);
                let column = panel * tile.columns;
                let width = tile.columns.min(b.columns() - column);
                for first in self.rows.clone().step_by(tile.rows) {
                    let rows = first..(first + tile.rows).min(self.rows.end);
                    let stored = first..first + rows.len().next_multiple_of(tile.row_step);
                    let adds = block > 0 || self.output == Output::Accumulate;
                    for (row, sums) in rows.clone().zip(sums.0.chunks_exact_mut(tile.columns)) {
                        // SAFETY: each row and panel belongs to one task, so these columns are read and written here only.
                        #[allow(unsafe_code)]
                        let known = unsafe { place.part(row * b.columns() + column, width) };
                        if adds { sums[..width].copy_from_slice(known) } else { sums[..width].fill(0.0) }
                    }
                    tiles.accumulate(a.block(block, stored), right, width, &mut sums);
                    for (row, sums) in rows.zip(sums.0.chunks_exact(tile.columns)) {
                        // SAFETY: as above.
                        #[allow(unsafe_code)]
                        let known = unsafe { place.part(row * b.columns() + column, width) };
                        known.copy_from_slice(&sums[..width]);
                    }
                }
            }
        }
    }
}
