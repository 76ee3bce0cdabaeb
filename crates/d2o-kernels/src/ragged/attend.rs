//! One layer's attention of some queries to the tokens before them, a tile of queries at a time.
//!
//! Each query's arithmetic is in the order of the tokens, wherever those are kept and whichever queries share
//! its tile.

use std::ops::Range;

use super::shape::{CacheShape, Scoring};
use super::slot::{Part, Slot, padded};
use crate::cpu::buffer::SharedOutput;
use crate::cpu::level::{Kind, Level};
use crate::cpu::math::{self, LANES};
#[cfg(target_arch = "x86_64")]
use crate::cpu::vectors::{Avx2, Avx512};
use crate::cpu::vectors::{Portable, Vectors};

/// Queries of a tile: they read the same keys and values one after the other.
const TILE: usize = 16;

/// One layer's attention.
pub(super) struct Step<'a> {
    pub(super) level: Level,
    pub(super) layer: usize,
    pub(super) shape: CacheShape,
    pub(super) scoring: Scoring,
    pub(super) queries: &'a [f32],
}

/// One query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    /// Which of the rows at hand it belongs to.
    pub(super) row: usize,
    /// It sees the row's tokens before this one.
    pub(super) end: usize,
    /// Where it stands among the queries, and its result in the output.
    pub(super) at: usize,
}

/// Keys and values that some queries of a tile see.
struct Span<'a> {
    part: Part<'a>,
    queries: Range<usize>,
}

/// Some queries with all that they see.
struct Tile<'a> {
    dim: usize,
    scale: f32,
    cap: Option<f32>,
    queries: &'a [&'a [f32]],
    /// The tokens that each query sees.
    visible: &'a [Range<usize>],
    spans: &'a [Span<'a>],
    /// `[queries][stride]`.
    scores: &'a mut [f32],
    stride: usize,
    /// `[queries][padded dim]`.
    mixed: &'a mut [f32],
    /// Four queries, dimension after dimension.
    packed: &'a mut [f32],
}

impl Step<'_> {
    /// Attends with queries of rows that share all their beginnings, row after row.
    #[allow(unsafe_code)]
    pub(super) fn attend(&self, kv_head: usize, slots: &[&Slot], queries: &[Query], output: SharedOutput<'_>) {
        let (dim, width) = (self.shape.dim, padded(self.shape.dim));
        let longest = queries.iter().map(|query| query.end).max().unwrap_or(0);
        let stride = longest.next_multiple_of(LANES);
        let mut scores = vec![0f32; queries.len().min(TILE) * stride];
        let mut mixed = vec![0f32; queries.len().min(TILE) * width];
        let mut packed = vec![0f32; 4 * dim];
        let shared: Vec<Part<'_>> = match slots.first() {
            Some(slot) => slot.shared_parts(self.shape, self.layer, kv_head).collect(),
            None => return,
        };
        for tile in queries.chunks(TILE) {
            let mut spans: Vec<Span<'_>> = shared.iter().map(|&part| Span { part, queries: 0..tile.len() }).collect();
            let mut first = 0;
            for run in tile.chunk_by(|a, b| a.row == b.row) {
                let end = run.iter().map(|query| query.end).max().expect("a run has queries");
                let part = slots[run[0].row].own_part(self.shape, self.layer, kv_head, end);
                spans.push(Span { part, queries: first..first + run.len() });
                first += run.len();
            }
            let visible: Vec<Range<usize>> = tile.iter().map(|query| self.visible(query.end)).collect();
            let inputs: Vec<&[f32]> = tile.iter().map(|query| &self.queries[query.at..query.at + dim]).collect();
            let mut tile_of = Tile {
                dim,
                scale: self.scoring.scale as f32,
                cap: self.scoring.cap.map(|cap| cap as f32),
                queries: &inputs,
                visible: &visible,
                spans: &spans,
                scores: &mut scores,
                stride,
                mixed: &mut mixed,
                packed: &mut packed,
            };
            attend_tile(self.level, &mut tile_of);
            for (query, mixed) in tile.iter().zip(mixed.chunks_exact(width)) {
                // SAFETY: each head and token of each row is written once, and slots are distinct.
                let out = unsafe { output.part(query.at, dim) };
                out.copy_from_slice(&mixed[..dim]);
            }
        }
    }

    fn visible(&self, end: usize) -> Range<usize> {
        self.scoring.window.map_or(0, |window| end.saturating_sub(window))..end
    }
}

/// Attends with all queries of a tile, on the instructions of `level`.
#[allow(unsafe_code)]
fn attend_tile(level: Level, tile: &mut Tile<'_>) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
        fn wide(tile: &mut Tile<'_>) {
            // SAFETY: this function's caller has seen the processor's instructions.
            attend_tile_body::<true, _>(unsafe { Avx512::new() }, tile);
        }
        #[target_feature(enable = "avx2,fma")]
        fn narrow(tile: &mut Tile<'_>) {
            // SAFETY: likewise.
            attend_tile_body::<true, _>(unsafe { Avx2::new() }, tile);
        }
        match level.kind() {
            Kind::Portable => {}
            // SAFETY: a `Level` of this kind is only made after the processor was seen to have AVX2 and FMA.
            Kind::Avx2 => return unsafe { narrow(tile) },
            // SAFETY: likewise AVX-512 F, VL, BW and DQ.
            _ => return unsafe { wide(tile) },
        }
    }
    let _ = level;
    attend_tile_body::<false, _>(Portable, tile);
}

#[inline(always)]
fn attend_tile_body<const FMA: bool, V: Vectors>(v: V, tile: &mut Tile<'_>) {
    let spans = tile.spans;
    for span in spans {
        let mut query = span.queries.start;
        while query < span.queries.end {
            query += match span.queries.end - query {
                1 => score::<1, V>(v, tile, span.part, query),
                2 | 3 => score::<2, V>(v, tile, span.part, query),
                _ => score::<4, V>(v, tile, span.part, query),
            };
        }
    }
    for (query, visible) in tile.visible.iter().enumerate() {
        softmax::<FMA>(&mut tile.scores[query * tile.stride..][..tile.stride], visible, tile.scale, tile.cap);
    }
    tile.mixed.fill(0.0);
    for span in spans {
        let mut query = span.queries.start;
        while query < span.queries.end {
            query += match span.queries.end - query {
                1 => mix_all::<1, V>(v, tile, span.part, query),
                2 | 3 => mix_all::<2, V>(v, tile, span.part, query),
                _ => mix_all::<4, V>(v, tile, span.part, query),
            };
        }
    }
}

/// Tokens of `part` that any of these queries may see, whole blocks, counted from the part's beginning.
#[inline(always)]
fn seen(visible: &[Range<usize>], part: Part<'_>) -> Range<usize> {
    let first = visible.iter().map(|visible| visible.start).min().unwrap_or(0);
    let end = visible.iter().map(|visible| visible.end).max().unwrap_or(0);
    let first = first.saturating_sub(part.first) / LANES * LANES;
    first..end.saturating_sub(part.first).min(part.len).max(first)
}

/// Scores of `Q` queries from `query` on, before scaling; tells how many queries those were.
#[inline(always)]
fn score<const Q: usize, V: Vectors>(v: V, tile: &mut Tile<'_>, part: Part<'_>, query: usize) -> usize {
    let dim = tile.dim;
    let packed = &mut tile.packed[..Q * dim];
    for (d, packed) in packed.chunks_exact_mut(Q).enumerate() {
        for (packed, query) in packed.iter_mut().zip(&tile.queries[query..query + Q]) {
            *packed = query[d];
        }
    }
    let seen = seen(&tile.visible[query..query + Q], part);
    let mut token = seen.start;
    while token < seen.end {
        // Few queries would wait for their own sums: several blocks side by side keep the multipliers busy.
        token += LANES
            * match (Q, (seen.end - token).div_ceil(LANES)) {
                (1, 4..) => score_blocks::<Q, 4, V>(v, tile, part, query, token..seen.end),
                (1 | 2, 2..) => score_blocks::<Q, 2, V>(v, tile, part, query, token..seen.end),
                _ => score_blocks::<Q, 1, V>(v, tile, part, query, token..seen.end),
            };
    }
    Q
}

/// The same for the first `B` blocks of some tokens, with the queries packed.
#[inline(always)]
fn score_blocks<const Q: usize, const B: usize, V: Vectors>(
    v: V,
    tile: &mut Tile<'_>,
    part: Part<'_>,
    query: usize,
    tokens: Range<usize>,
) -> usize {
    let block = LANES * tile.dim;
    let first = tokens.start / LANES * block;
    let keys: [&[f32]; B] = std::array::from_fn(|b| &part.keys[first + b * block..][..block]);
    let mut sums = [[v.zero(); B]; Q];
    for (d, queries) in tile.packed[..Q * tile.dim].chunks_exact(Q).enumerate() {
        let keys: [V::Vector; B] = std::array::from_fn(|b| v.load(fixed(&keys[b][d * LANES..][..LANES])));
        for row in 0..Q {
            for b in 0..B {
                sums[row][b] = v.add_scaled(sums[row][b], queries[row], keys[b]);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let scores = &mut tile.scores[(query + row) * tile.stride + part.first..];
        for (token, &sums) in tokens.clone().step_by(LANES).zip(sums) {
            match scores[token..tokens.end].len() {
                LANES.. => v.store(sums, fixed_mut(&mut scores[token..token + LANES])),
                kept => {
                    let mut last = [0.0; LANES];
                    v.store(sums, &mut last);
                    scores[token..tokens.end].copy_from_slice(&last[..kept]);
                }
            }
        }
    }
    B
}

/// Turns a query's scores into weights that sum to one; what it does not see weighs nothing.
#[inline(always)]
fn softmax<const FMA: bool>(scores: &mut [f32], visible: &Range<usize>, scale: f32, cap: Option<f32>) {
    scores[..visible.start].fill(0.0);
    scores[visible.end..].fill(0.0);
    let scores = &mut scores[visible.clone()];
    for score in scores.iter_mut() {
        *score *= scale;
    }
    if let Some(cap) = cap {
        for score in scores.iter_mut() {
            // cap · tanh(x / cap), by the exponential at hand.
            *score = cap * (1.0 - 2.0 / (math::exp::<FMA>(*score * (2.0 / cap)) + 1.0));
        }
    }
    let largest = math::max(scores);
    for score in scores.iter_mut() {
        *score = math::exp::<FMA>(*score - largest);
    }
    let norm = 1.0 / math::sum(scores);
    for score in scores.iter_mut() {
        *score *= norm;
    }
}

/// Adds the weighted values of `part` to `Q` queries from `query` on; tells how many queries those were.
#[inline(always)]
fn mix_all<const Q: usize, V: Vectors>(v: V, tile: &mut Tile<'_>, part: Part<'_>, query: usize) -> usize {
    let width = padded(tile.dim);
    let mut column = 0;
    while column < width {
        // As many columns at once as sums fit into registers.
        column += LANES
            * match (Q, (width - column) / LANES) {
                (_, 1) => mix::<Q, 1, V>(v, tile, part, query, column),
                (1 | 2, 4..) => mix::<Q, 4, V>(v, tile, part, query, column),
                (1 | 2, 3) => mix::<Q, 3, V>(v, tile, part, query, column),
                _ => mix::<Q, 2, V>(v, tile, part, query, column),
            };
    }
    Q
}

/// The same for `C` times [`LANES`] columns.
#[inline(always)]
fn mix<const Q: usize, const C: usize, V: Vectors>(
    v: V,
    tile: &mut Tile<'_>,
    part: Part<'_>,
    query: usize,
    column: usize,
) -> usize {
    let (width, stride) = (padded(tile.dim), tile.stride);
    let seen = seen(&tile.visible[query..query + Q], part);
    let place = |row: usize, c: usize| (query + row) * width + column + c * LANES;
    let mut sums: [[V::Vector; C]; Q] =
        std::array::from_fn(|row| std::array::from_fn(|c| v.load(fixed(&tile.mixed[place(row, c)..][..LANES]))));
    let weights: [&[f32]; Q] =
        std::array::from_fn(|row| &tile.scores[(query + row) * stride + part.first + seen.start..][..seen.len()]);
    let values = part.values[seen.start * width..seen.end * width].chunks_exact(width);
    for (token, values) in values.enumerate() {
        let values: [V::Vector; C] = std::array::from_fn(|c| v.load(fixed(&values[column + c * LANES..][..LANES])));
        for row in 0..Q {
            let weight = weights[row][token];
            for c in 0..C {
                sums[row][c] = v.add_scaled(sums[row][c], weight, values[c]);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (c, &sum) in sums.iter().enumerate() {
            v.store(sum, fixed_mut(&mut tile.mixed[place(row, c)..][..LANES]));
        }
    }
    C
}

/// A slice whose length the compiler knows.
#[inline(always)]
fn fixed<const N: usize>(slice: &[f32]) -> &[f32; N] {
    slice.try_into().expect("the slice was cut to this length")
}

#[inline(always)]
fn fixed_mut(slice: &mut [f32]) -> &mut [f32; LANES] {
    slice.try_into().expect("the slice was cut to this length")
}
