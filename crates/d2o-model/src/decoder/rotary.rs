//! Rotary position embedding in the rotate-half convention of Hugging Face's Llama.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use d2o_kernels::RotaryTables;

use crate::config::Rope;

/// Cosines and sines of a batch's positions, shared by all layers that rotate alike.
#[derive(Clone, Debug)]
pub(crate) struct Rotary {
    /// `[batch, 1, len, dim]`; both halves hold the same angles.
    cos: Tensor<4>,
    /// The same shape, the first half negated: `rotate_half` without a copy.
    sin: Tensor<4>,
    /// How many of a head's dimensions are rotated.
    dim: usize,
    /// The same, token after token, for the kernels.
    tables: RotaryTables,
}

impl Rotary {
    /// Angles `position · frequency`, computed in f64.
    ///
    /// # Panics
    /// If a position lies beyond what the rotary embedding is computed for.
    pub(crate) fn new(positions: &[Vec<u32>], rope: &Rope, device: &Device) -> Self {
        if let (Some(limit), Some(&last)) = (rope.limit(), positions.iter().flatten().max()) {
            assert!((last as usize) < limit, "position {last} where longrope is computed for {limit} tokens");
        }
        let (frequencies, amplitude) = (rope.frequencies(), rope.amplitude());
        let rows = positions.len();
        let len = positions.first().map_or(0, Vec::len);
        let mut cos = Vec::with_capacity(rows * len * rope.dim);
        let mut sin = Vec::with_capacity(rows * len * rope.dim);
        for &position in positions.iter().flatten() {
            let angles: Vec<f64> = frequencies.iter().map(|frequency| f64::from(position) * frequency).collect();
            cos.extend(angles.iter().chain(&angles).map(|angle| (amplitude * angle.cos()) as f32));
            sin.extend(angles.iter().map(|angle| (-amplitude * angle.sin()) as f32));
            sin.extend(angles.iter().map(|angle| (amplitude * angle.sin()) as f32));
        }
        let shape = [rows, 1, len, rope.dim];
        Self {
            cos: Tensor::from_data(TensorData::new(cos.clone(), shape), device),
            sin: Tensor::from_data(TensorData::new(sin.clone(), shape), device),
            dim: rope.dim,
            tables: RotaryTables::new(rope.dim, Arc::new(cos), Arc::new(sin)),
        }
    }

    /// The same on rows of tokens, `[tokens, heads · head_dim]`, as linear maps leave them.
    pub(crate) fn apply_rows(&self, x: Tensor<2>, head_dim: usize) -> Tensor<2> {
        d2o_kernels::rotary_embedding(x, head_dim, &self.tables)
    }

    /// `x · cos + rotate_half(x) · sin` on the dimensions that are rotated, `x: [batch, heads, len, head_dim]`.
    pub(crate) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, _, head_dim] = x.dims();
        if head_dim == self.dim {
            return self.rotate(x);
        }
        let rotated = self.rotate(x.clone().narrow(3, 0, self.dim));
        Tensor::cat(vec![rotated, x.narrow(3, self.dim, head_dim - self.dim)], 3)
    }

    fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        let half = self.dim / 2;
        let halves_swapped = Tensor::cat(vec![x.clone().narrow(3, half, half), x.clone().narrow(3, 0, half)], 3);
        x * self.cos.clone() + halves_swapped * self.sin.clone()
    }
}
