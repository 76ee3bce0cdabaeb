//! The gradient: scores are computed again, block by block.

use rayon::prelude::*;

use super::block::{Block, Inputs};
use super::forward::{block_scores, head_rows};
use crate::cpu::buffer::SharedOutput;
use crate::cpu::level::{Level, multiversion};
use crate::cpu::math;
use crate::cpu::matrix::{Output, View, multiply};
use crate::spans::{Heads, Span, Spans};

/// What the forward pass left, and the gradient of its output; all `[tokens, ..]`.
#[derive(Clone, Copy)]
pub(crate) struct Results<'a> {
    pub(crate) output: &'a [f32],
    /// `log Σ exp(score)`, `[tokens, heads]`.
    pub(crate) sums: &'a [f32],
    pub(crate) gradient: &'a [f32],
}

/// Gradients of keys and values of one span's prefix, from that span's rows.
struct PrefixGradients {
    kv_head: usize,
    prefix: std::ops::Range<usize>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Gradients of queries, keys and values.
///
/// With `P` the weights and `dP = dO Vᵀ`: `dS = P ⊙ (dP − rowsum(dO ⊙ O))`, `dQ = scale · dS K`,
/// `dK = scale · dSᵀ Q`, `dV = Pᵀ dO`. What spans give to a prefix is summed in their order, so any number
/// of threads gives the same bits.
pub(crate) fn backward(
    level: Level,
    inputs: Inputs<'_>,
    results: Results<'_>,
    heads: Heads,
    spans: &Spans,
) -> [Vec<f32>; 3] {
    let mut gradients =
        [vec![0f32; inputs.queries.len()], vec![0f32; inputs.keys.len()], vec![0f32; inputs.keys.len()]];
    let [dq, dk, dv] = &mut gradients;
    let places = [SharedOutput::new(dq), SharedOutput::new(dk), SharedOutput::new(dv)];
    let work = Work { level, inputs, results, heads };
    let tasks: Vec<(&Span, usize)> =
        spans.list().iter().flat_map(|span| (0..heads.kv).map(move |head| (span, head))).collect();
    let shared: Vec<PrefixGradients> =
        tasks.par_iter().map(|&(span, kv_head)| work.span(span, kv_head, places)).collect();
    let row = heads.kv * heads.dim;
    for PrefixGradients { kv_head, prefix, keys, values } in shared {
        for (index, token) in prefix.enumerate() {
            let at = token * row + kv_head * heads.dim..token * row + (kv_head + 1) * heads.dim;
            let part = index * heads.dim..(index + 1) * heads.dim;
            add(&mut gradients[1][at.clone()], &keys[part.clone()]);
            add(&mut gradients[2][at], &values[part]);
        }
    }
    gradients
}

fn add(total: &mut [f32], part: &[f32]) {
    total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
}

struct Work<'a> {
    level: Level,
    inputs: Inputs<'a>,
    results: Results<'a>,
    heads: Heads,
}

impl Work<'_> {
    /// Writes the span's own gradients and returns those of its prefix.
    #[allow(unsafe_code)]
    fn span(&self, span: &Span, kv_head: usize, [dq, dk, dv]: [SharedOutput<'_>; 3]) -> PrefixGradients {
        let Heads { queries, kv, dim, .. } = self.heads;
        let (prefix, own) = (span.prefix.len(), span.tokens.len());
        let (mut keys, mut values) = (vec![0f32; (prefix + own) * dim], vec![0f32; (prefix + own) * dim]);
        let mut scratch = Scratch::default();
        for head in kv_head * self.heads.group()..(kv_head + 1) * self.heads.group() {
            for block in Block::of(span) {
                self.block(&block, head, &mut scratch, [&mut keys, &mut values]);
                for (index, row) in block.rows.clone().enumerate() {
                    // SAFETY: every token and query head belongs to one task.
                    unsafe { dq.part((row * queries + head) * dim, dim) }
                        .copy_from_slice(&scratch.queries[index * dim..(index + 1) * dim]);
                }
            }
        }
        for (index, row) in span.tokens.clone().enumerate() {
            let part = (prefix + index) * dim..(prefix + index + 1) * dim;
            // SAFETY: every token and key head belongs to one task.
            unsafe { dk.part((row * kv + kv_head) * dim, dim) }.copy_from_slice(&keys[part.clone()]);
            // SAFETY: likewise.
            unsafe { dv.part((row * kv + kv_head) * dim, dim) }.copy_from_slice(&values[part]);
        }
        keys.truncate(prefix * dim);
        values.truncate(prefix * dim);
        PrefixGradients { kv_head, prefix: span.prefix.clone(), keys, values }
    }

    /// Adds a block's share to the gradients of keys and values, prefix first, and leaves the queries' in
    /// `scratch.queries`.
    fn block(&self, block: &Block, head: usize, scratch: &mut Scratch, [dk, dv]: [&mut [f32]; 2]) {
        let Heads { queries, kv, dim, scale } = self.heads;
        let (rows, keys, prefix) = (block.rows.len(), block.keys(), block.prefix.len());
        scratch.resize(rows, keys, dim);
        let Scratch { scores, gradients, queries: dq } = scratch;
        block_scores(self.inputs, self.heads, block, head, scores);
        let gradient = head_rows(self.results.gradient, queries, dim, head, block.rows.clone());
        let kv_rows = |x, rows| head_rows(x, kv, dim, head / self.heads.group(), rows);
        multiply(
            gradients,
            keys,
            gradient,
            kv_rows(self.inputs.values, block.prefix.clone()).t(),
            1.0,
            Output::Overwrite,
            false,
        );
        multiply(
            &mut gradients[prefix..],
            keys,
            gradient,
            kv_rows(self.inputs.values, block.own.clone()).t(),
            1.0,
            Output::Overwrite,
            false,
        );
        for (index, row) in block.rows.clone().enumerate() {
            let at = (row * queries + head) * dim..(row * queries + head + 1) * dim;
            let part = index * keys..(index + 1) * keys;
            score_gradients(
                self.level,
                &mut scores[part.clone()],
                &mut gradients[part],
                block.visible(index),
                self.results.sums[row * queries + head],
                &self.results.gradient[at.clone()],
                &self.results.output[at],
            );
        }
        let (weights, score_gradients) = (View::new(scores, rows, keys, keys), View::new(gradients, rows, keys, keys));
        multiply(dv, dim, weights.t(), gradient, 1.0, Output::Accumulate, false);
        let q = head_rows(self.inputs.queries, queries, dim, head, block.rows.clone());
        multiply(dk, dim, score_gradients.t(), q, scale, Output::Accumulate, false);
        let own = View::new(&gradients[prefix..], rows, keys - prefix, keys);
        multiply(dq, dim, own, kv_rows(self.inputs.keys, block.own.clone()), scale, Output::Overwrite, false);
        if prefix > 0 {
            let to_prefix = View::new(gradients, rows, prefix, keys);
            multiply(
                dq,
                dim,
                to_prefix,
                kv_rows(self.inputs.keys, block.prefix.clone()),
                scale,
                Output::Accumulate,
                false,
            );
        }
    }
}

/// Buffers of one task, used again for every block.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    gradients: Vec<f32>,
    queries: Vec<f32>,
}

impl Scratch {
    fn resize(&mut self, rows: usize, keys: usize, dim: usize) {
        self.scores.resize(rows * keys, 0.0);
        self.gradients.resize(rows * keys, 0.0);
        self.queries.resize(rows * dim, 0.0);
    }
}

multiversion! {
    /// Turns scores into weights and their gradients into those of the scores, before the scale.
    fn score_gradients(
        scores: &mut [f32],
        gradients: &mut [f32],
        visible: usize,
        sum: f32,
        gradient: &[f32],
        output: &[f32],
    ) = score_gradients_body
}

#[inline(always)]
fn score_gradients_body<const FMA: bool>(
    scores: &mut [f32],
    gradients: &mut [f32],
    visible: usize,
    sum: f32,
    gradient: &[f32],
    output: &[f32],
) {
    let mean = math::dot::<FMA>(gradient, output);
    for (score, gradient) in scores[..visible].iter_mut().zip(&mut gradients[..visible]) {
        *score = math::exp::<FMA>(*score - sum);
        *gradient = *score * (*gradient - mean);
    }
    scores[visible..].fill(0.0);
    gradients[visible..].fill(0.0);
}
