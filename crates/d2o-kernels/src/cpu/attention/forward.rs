//! The forward pass, one head and span at a time.

use rayon::prelude::*;

use super::block::{Block, Inputs};
use crate::cpu::buffer::SharedOutput;
use crate::cpu::level::{Level, multiversion};
use crate::cpu::math;
use crate::cpu::matrix::{Output, View, multiply};
use crate::spans::{Heads, Span, Spans};

/// Output `[tokens, heads · dim]`, and the logarithm of each score row's sum, `[tokens, heads]`.
pub(crate) fn forward(level: Level, inputs: Inputs<'_>, heads: Heads, spans: &Spans) -> (Vec<f32>, Vec<f32>) {
    let tokens = spans.tokens();
    let (mut output, mut sums) = (vec![0f32; inputs.queries.len()], vec![0f32; tokens * heads.queries]);
    let (place, sums_place) = (SharedOutput::new(&mut output), SharedOutput::new(&mut sums));
    let work = Work { level, inputs, heads };
    let tasks: Vec<(&Span, usize)> =
        spans.list().iter().flat_map(|span| (0..heads.queries).map(move |head| (span, head))).collect();
    tasks.par_iter().for_each(|&(span, head)| work.span(span, head, place, sums_place));
    (output, sums)
}

struct Work<'a> {
    level: Level,
    inputs: Inputs<'a>,
    heads: Heads,
}

impl Work<'_> {
    #[allow(unsafe_code)]
    fn span(&self, span: &Span, head: usize, output: SharedOutput<'_>, sums: SharedOutput<'_>) {
        let Heads { queries, dim, .. } = self.heads;
        let mut scores = Vec::new();
        let mut mixed = Vec::new();
        for block in Block::of(span) {
            let (rows, keys) = (block.rows.len(), block.keys());
            scores.resize(rows * keys, 0.0);
            mixed.resize(rows * dim, 0.0);
            block_scores(self.inputs, self.heads, &block, head, &mut scores);
            let mut block_sums = vec![0f32; rows];
            softmax_rows(self.level, &mut scores, keys, block.visible(0), &mut block_sums);
            mix(self.inputs, self.heads, &block, head, &scores, &mut mixed);
            for (index, row) in block.rows.clone().enumerate() {
                // SAFETY: every token and head belongs to one task, so these values are written here only.
                unsafe { output.part((row * queries + head) * dim, dim) }
                    .copy_from_slice(&mixed[index * dim..(index + 1) * dim]);
                // SAFETY: likewise.
                unsafe { sums.part(row * queries + head, 1) }.copy_from_slice(&block_sums[index..=index]);
            }
        }
    }
}

/// Rows of one head among `[tokens, heads · dim]`.
pub(super) fn head_rows<'a>(
    values: &'a [f32],
    heads: usize,
    dim: usize,
    head: usize,
    rows: std::ops::Range<usize>,
) -> View<'a> {
    if rows.is_empty() {
        return View::new(&[], 0, dim, heads * dim);
    }
    View::new(&values[(rows.start * heads + head) * dim..], rows.len(), dim, heads * dim)
}

/// `scale · q kᵀ` of a block, `[rows, keys]`, prefix first.
pub(super) fn block_scores(inputs: Inputs<'_>, heads: Heads, block: &Block, head: usize, scores: &mut [f32]) {
    let Heads { queries, kv, dim, scale } = heads;
    let q = head_rows(inputs.queries, queries, dim, head, block.rows.clone());
    let k = |rows| head_rows(inputs.keys, kv, dim, head / heads.group(), rows).t();
    let keys = block.keys();
    multiply(scores, keys, q, k(block.prefix.clone()), scale, Output::Overwrite, false);
    multiply(&mut scores[block.prefix.len()..], keys, q, k(block.own.clone()), scale, Output::Overwrite, false);
}

/// `weights · values` of a block, `[rows, dim]`.
fn mix(inputs: Inputs<'_>, heads: Heads, block: &Block, head: usize, weights: &[f32], mixed: &mut [f32]) {
    let Heads { kv, dim, .. } = heads;
    let v = |rows| head_rows(inputs.values, kv, dim, head / heads.group(), rows);
    let (rows, keys, prefix) = (block.rows.len(), block.keys(), block.prefix.len());
    let own = View::new(&weights[prefix..], rows, keys - prefix, keys);
    multiply(mixed, dim, own, v(block.own.clone()), 1.0, Output::Overwrite, false);
    if prefix > 0 {
        multiply(
            mixed,
            dim,
            View::new(weights, rows, prefix, keys),
            v(block.prefix.clone()),
            1.0,
            Output::Accumulate,
            false,
        );
    }
}

multiversion! {
    /// Softmax of every row over its visible scores, one more in each row than in the row before; the rest
    /// becomes zero. `sums` receives `log Σ exp(score)`.
    fn softmax_rows(scores: &mut [f32], keys: usize, first_visible: usize, sums: &mut [f32]) = softmax_body
}

#[inline(always)]
fn softmax_body<const FMA: bool>(scores: &mut [f32], keys: usize, first_visible: usize, sums: &mut [f32]) {
    for ((index, row), sum) in scores.chunks_exact_mut(keys).enumerate().zip(sums) {
        let (visible, hidden) = row.split_at_mut(first_visible + index);
        hidden.fill(0.0);
        let largest = math::max(visible);
        for score in visible.iter_mut() {
            *score = math::exp::<FMA>(*score - largest);
        }
        let total = math::sum(visible);
        let inverse = 1.0 / total;
        for score in visible.iter_mut() {
            *score *= inverse;
        }
        *sum = largest + total.ln();
    }
}
