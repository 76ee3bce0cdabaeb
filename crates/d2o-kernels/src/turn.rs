//! Rotary position embedding as one operation, on tokens as linear maps leave them.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::level::{Level, madd, multiversion};

/// Cosines and sines of some tokens' positions, in the rotate-half convention.
#[derive(Clone, Debug)]
pub struct Angles {
    /// How many of a head's dimensions are turned.
    dim: usize,
    /// `[tokens, dim]`, both halves alike.
    cos: Arc<Vec<f32>>,
    /// The same shape, the first half negated.
    sin: Arc<Vec<f32>>,
}

impl Angles {
    /// `cos` and `sin` are `[tokens, dim]`; the first half of each row of `sin` is negated.
    ///
    /// # Panics
    /// If `dim` is odd or zero, or the lengths are not whole rows.
    pub fn new(dim: usize, cos: Arc<Vec<f32>>, sin: Arc<Vec<f32>>) -> Self {
        assert!(dim > 0 && dim.is_multiple_of(2), "an even number of dimensions is turned, not {dim}");
        assert!(cos.len() == sin.len() && cos.len().is_multiple_of(dim), "whole rows of {dim}");
        Self { dim, cos, sin }
    }

    /// How many tokens these are for.
    pub fn tokens(&self) -> usize {
        self.cos.len() / self.dim
    }
}

/// `x · cos + rotate_half(x) · sin` on the first dimensions of every head.
///
/// # Shapes
/// - `x` and output: `[tokens, heads · head_dim]`
///
/// # Panics
/// If the angles are for another number of tokens or wider than a head.
pub fn rotate(x: Tensor<2>, head_dim: usize, angles: &Angles) -> Tensor<2> {
    let [tokens, _] = x.dims();
    assert!(tokens == angles.tokens() && angles.dim <= head_dim, "angles for {tokens} tokens");
    #[cfg(feature = "flex")]
    if crate::host::is_here(&x) {
        return crate::ops::turn::rotate(x, head_dim, angles);
    }
    rotate_composed(x, head_dim, angles)
}

/// The same from Burn's operations.
pub fn rotate_composed(x: Tensor<2>, head_dim: usize, angles: &Angles) -> Tensor<2> {
    let [tokens, width] = x.dims();
    let device = x.device().without_autodiff();
    let table = |values: &Arc<Vec<f32>>| {
        Tensor::<3>::from_data(TensorData::new(values.to_vec(), [tokens, 1, angles.dim]), &device)
    };
    let heads = x.reshape([tokens, width / head_dim, head_dim]);
    let half = angles.dim / 2;
    let part = |start, len| heads.clone().narrow(2, start, len);
    let swapped = Tensor::cat(vec![part(half, half), part(0, half)], 2);
    let mut turned = part(0, angles.dim) * table(&angles.cos) + swapped * table(&angles.sin);
    if angles.dim < head_dim {
        turned = Tensor::cat(vec![turned, part(angles.dim, head_dim - angles.dim)], 2);
    }
    turned.reshape([tokens, width])
}

/// Turns every token's heads in place; with `back`, by the negative angle: the gradient.
pub(crate) fn turn(level: Level, x: &mut [f32], head_dim: usize, angles: &Angles, back: bool) {
    let tokens = angles.tokens();
    if tokens == 0 {
        return;
    }
    let width = x.len() / tokens;
    let tables = angles.cos.par_chunks_exact(angles.dim).zip(angles.sin.par_chunks_exact(angles.dim));
    x.par_chunks_exact_mut(width)
        .zip(tables)
        .with_min_len(16)
        .for_each(|(x, (cos, sin))| turn_token(level, x, head_dim, cos, sin, back));
}

multiversion! {
    fn turn_token(x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32], back: bool) = turn_body
}

#[inline(always)]
fn turn_body<const FMA: bool>(x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32], back: bool) {
    let half = cos.len() / 2;
    let (cos_low, cos_high) = cos.split_at(half);
    let (sin_low, sin_high) = sin.split_at(half);
    // The matrix [c₁ s₁; s₂ c₂] of each pair; its transpose for the gradient.
    let (first, second) = if back { (sin_high, sin_low) } else { (sin_low, sin_high) };
    for head in x.chunks_exact_mut(head_dim) {
        let (low, high) = head.split_at_mut(half);
        for i in 0..half {
            let (a, b) = (low[i], high[i]);
            low[i] = madd::<FMA>(a, cos_low[i], b * first[i]);
            high[i] = madd::<FMA>(b, cos_high[i], a * second[i]);
        }
    }
}
