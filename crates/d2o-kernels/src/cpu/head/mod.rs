//! The head on slices: logits of one chunk of rows at a time, forward and backward.

mod products;

use std::sync::Arc;

use rayon::prelude::*;

use products::PackedResidual;
pub(crate) use products::Products;

use crate::cpu::level::{Level, multiversion};
use crate::cpu::math;
use crate::cpu::matrix::{View, WeightLayout};

/// A head's tracked forward keeps its probabilities for the backward up to this many bytes; beyond, the backward
/// computes them again.
const KEPT: usize = 128 << 20;

/// What a head is computed from.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) level: Level,
    /// `[rows, width]`.
    pub(crate) hidden: &'a [f32],
    pub(crate) weights: &'a [f32],
    pub(crate) layout: WeightLayout,
    pub(crate) products: Products<'a>,
    pub(crate) targets: &'a [usize],
    pub(crate) chunk: usize,
}

/// Which gradients will be asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) hidden: bool,
    pub(crate) weights: bool,
}

/// The log-probabilities and what their gradient needs.
pub(crate) struct Scored {
    pub(crate) log_probs: Vec<f32>,
    /// `log Σ exp(logit)` of each row.
    pub(crate) sums: Arc<Vec<f32>>,
    /// `∂ log_prob / ∂ hidden`, `[rows, width]`, if wanted.
    pub(crate) gradients: Option<Arc<Vec<f32>>>,
    /// What the weights' gradient needs, if it is wanted and not too large.
    pub(crate) residual: Option<Arc<Residual>>,
}

/// `onehot(target) − softmax(logits)`, `[rows, vocab]`.
#[derive(Clone)]
pub(crate) enum Residual {
    Plain(Vec<f32>),
    /// Chunk by chunk.
    Packed(Vec<PackedResidual>),
}

impl std::fmt::Debug for Residual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Residual")
    }
}

impl<'a> Head<'a> {
    fn width(&self) -> usize {
        self.hidden.len() / self.targets.len().max(1)
    }

    fn vocab(&self) -> usize {
        self.weights.len() / self.width().max(1)
    }

    /// `[width, vocab]`.
    fn matrix(&self) -> View<'a> {
        let (width, vocab) = (self.width(), self.vocab());
        match self.layout {
            WeightLayout::Straight => View::new(self.weights, width, vocab, vocab),
            WeightLayout::Transposed => View::new(self.weights, vocab, width, width).t(),
        }
    }

    fn rows(&self, first: usize, count: usize) -> View<'a> {
        let width = self.width();
        View::new(&self.hidden[first * width..], count, width, width)
    }

    /// Room for the residual of all rows, unless it would be too large.
    fn room(&self) -> Option<Residual> {
        let values = self.targets.len() * self.vocab();
        match self.products {
            Products::F32 => (4 * values <= KEPT).then(|| Residual::Plain(vec![0f32; values])),
            Products::Bf16 { .. } => (2 * values <= KEPT).then(|| Residual::Packed(Vec::new())),
        }
    }

    /// Log-probabilities of the targets.
    ///
    /// The gradient by `hidden` needs no other row and no coefficient: `∂ log p_t / ∂h = W_t − Σ_v p_v W_v`. So it
    /// is computed here, while the probabilities are at hand.
    pub(crate) fn forward(&self, wanted: Wanted) -> Scored {
        let (rows, width, vocab) = (self.targets.len(), self.width(), self.vocab());
        assert!(self.targets.iter().all(|&target| target < vocab), "targets below {vocab}");
        let (mut log_probs, mut sums) = (vec![0f32; rows], vec![0f32; rows]);
        let mut gradients = vec![0f32; if wanted.hidden { rows * width } else { 0 }];
        let mut kept = if wanted.weights { self.room() } else { None };
        let plain = matches!(kept, Some(Residual::Plain(_)));
        let packs = matches!(kept, Some(Residual::Packed(_)));
        let with_residual = wanted.hidden || kept.is_some();
        let mut scratch = vec![0f32; if plain { 0 } else { rows.min(self.chunk) * vocab }];
        for first in (0..rows).step_by(self.chunk) {
            let count = self.chunk.min(rows - first);
            let part = first..first + count;
            let logits = match &mut kept {
                Some(Residual::Plain(kept)) => &mut kept[first * vocab..][..count * vocab],
                _ => &mut scratch[..count * vocab],
            };
            self.products.logits(logits, self.rows(first, count), self.matrix());
            let targets = &self.targets[part.clone()];
            logits
                .par_chunks_exact_mut(vocab)
                .zip(targets)
                .zip(log_probs[part.clone()].par_iter_mut().zip(&mut sums[part]))
                .for_each(|((logits, &target), (log_prob, sum))| {
                    *sum = log_sum(self.level, logits);
                    *log_prob = logits[target] - *sum;
                    if with_residual {
                        residual_row(self.level, logits, *sum, target);
                    }
                });
            let residual = View::new(logits, count, vocab, vocab);
            if wanted.hidden {
                self.products.by_hidden(&mut gradients[first * width..][..count * width], residual, self.matrix());
            }
            let packed = packs.then(|| PackedResidual::pack(self.level, residual, self.layout));
            if let (Some(Residual::Packed(kept)), Some(packed)) = (&mut kept, packed) {
                kept.push(packed);
            }
        }
        Scored {
            log_probs,
            sums: Arc::new(sums),
            gradients: wanted.hidden.then(|| Arc::new(gradients)),
            residual: kept.map(Arc::new),
        }
    }

    /// The weights' gradient, laid out as they are: `Σ_rows gradient · h ⊗ (onehot − p)`.
    pub(crate) fn weight_gradient(&self, sums: &[f32], residual: Option<&Residual>, gradient: &[f32]) -> Vec<f32> {
        let (rows, width, vocab) = (self.targets.len(), self.width(), self.vocab());
        let scaled: Vec<f32> = self
            .hidden
            .chunks_exact(width)
            .zip(gradient)
            .flat_map(|(row, &gradient)| row.iter().map(move |h| h * gradient))
            .collect();
        let mut result = vec![0f32; self.weights.len()];
        let mut scratch = vec![0f32; if residual.is_some() { 0 } else { rows.min(self.chunk) * vocab }];
        for (chunk, first) in (0..rows).step_by(self.chunk).enumerate() {
            let count = self.chunk.min(rows - first);
            let hidden = View::new(&scaled[first * width..], count, width, width);
            let part: &[f32] = match residual {
                Some(Residual::Packed(chunks)) => {
                    chunks[chunk].add_by_weights(self.level, &mut result, hidden);
                    continue;
                }
                Some(Residual::Plain(residual)) => &residual[first * vocab..][..count * vocab],
                None => {
                    let logits = &mut scratch[..count * vocab];
                    self.products.logits(logits, self.rows(first, count), self.matrix());
                    let known = self.targets[first..].par_iter().zip(&sums[first..]);
                    logits
                        .par_chunks_exact_mut(vocab)
                        .zip(known)
                        .for_each(|(logits, (&target, &sum))| residual_row(self.level, logits, sum, target));
                    logits
                }
            };
            let residual = View::new(part, count, vocab, vocab);
            self.products.add_by_weights(&mut result, hidden, residual, self.layout);
        }
        result
    }
}

multiversion! {
    /// `log Σ exp(logit)`.
    fn log_sum(logits: &[f32]) -> f32 = log_sum_body
}

#[inline(always)]
fn log_sum_body<const FMA: bool>(logits: &[f32]) -> f32 {
    let largest = math::max(logits);
    let total = math::fold2(logits, logits, |sum, logit, _| sum + math::exp::<FMA>(logit - largest));
    largest + total.ln()
}

/// Turns logits into `onehot(target) − softmax`.
fn residual_row(level: Level, logits: &mut [f32], sum: f32, target: usize) {
    negative_softmax(level, logits, sum);
    logits[target] += 1.0;
}

multiversion! {
    fn negative_softmax(logits: &mut [f32], sum: f32) -> () = negative_softmax_body
}

#[inline(always)]
fn negative_softmax_body<const FMA: bool>(logits: &mut [f32], sum: f32) {
    for logit in logits {
        *logit = -math::exp::<FMA>(*logit - sum);
    }
}
