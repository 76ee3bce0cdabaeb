//! Rotary position embedding on slices.

use std::sync::Arc;

use rayon::prelude::*;

use crate::cpu::level::{Level, madd, multiversion};

/// Cosines and sines of some tokens' positions, in the rotate-half convention.
#[derive(Clone, Debug)]
pub struct RotaryTables {
    /// How many of a head's dimensions are rotated.
    pub(crate) dim: usize,
    /// `[tokens, dim]`, both halves alike.
    pub(crate) cos: Arc<Vec<f32>>,
    /// The same shape, the first half negated.
    pub(crate) sin: Arc<Vec<f32>>,
}

impl RotaryTables {
    /// `cos` and `sin` are `[tokens, dim]`; the first half of each row of `sin` is negated.
    ///
    /// # Panics
    /// If `dim` is odd or zero, or the lengths are not whole rows.
    pub fn new(dim: usize, cos: Arc<Vec<f32>>, sin: Arc<Vec<f32>>) -> Self {
        assert!(dim > 0 && dim.is_multiple_of(2), "an even number of dimensions is rotated, not {dim}");
        assert!(cos.len() == sin.len() && cos.len().is_multiple_of(dim), "whole rows of {dim}");
        Self { dim, cos, sin }
    }

    /// How many tokens these are for.
    pub fn tokens(&self) -> usize {
        self.cos.len() / self.dim
    }
}

/// Rotates every token's heads in place; with `inverse`, by the negative angle: the gradient.
pub(crate) fn rotate(level: Level, x: &mut [f32], head_dim: usize, tables: &RotaryTables, inverse: bool) {
    let tokens = tables.tokens();
    if tokens == 0 {
        return;
    }
    let width = x.len() / tokens;
    let tables = tables.cos.par_chunks_exact(tables.dim).zip(tables.sin.par_chunks_exact(tables.dim));
    x.par_chunks_exact_mut(width)
        .zip(tables)
        .with_min_len(16)
        .for_each(|(x, (cos, sin))| rotate_token(level, x, head_dim, cos, sin, inverse));
}

multiversion! {
    fn rotate_token(x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32], inverse: bool) = rotate_body
}

#[inline(always)]
fn rotate_body<const FMA: bool>(x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32], inverse: bool) {
    let half = cos.len() / 2;
    let (cos_low, cos_high) = cos.split_at(half);
    let (sin_low, sin_high) = sin.split_at(half);
    // The matrix [c₁ s₁; s₂ c₂] of each pair; its transpose for the gradient.
    let (first, second) = if inverse { (sin_high, sin_low) } else { (sin_low, sin_high) };
    for head in x.chunks_exact_mut(head_dim) {
        let (low, high) = head.split_at_mut(half);
        for i in 0..half {
            let (a, b) = (low[i], high[i]);
            low[i] = madd::<FMA>(a, cos_low[i], b * first[i]);
            high[i] = madd::<FMA>(b, cos_high[i], a * second[i]);
        }
    }
}
