//! Rotary position embedding in the rotate-half convention of Hugging Face's Llama.

use burn::tensor::{Device, Tensor, TensorData};

/// Cosines and sines of a batch's positions, shared by all layers.
#[derive(Clone, Debug)]
pub(crate) struct Rotary {
    /// `[batch, 1, len, head_dim]`; both halves hold the same angles.
    cos: Tensor<4>,
    /// The same shape, the first half negated: `rotate_half` without a copy.
    sin: Tensor<4>,
    half: usize,
}

impl Rotary {
    /// Angles `position · θ^(−2i/d)`, computed in f64.
    pub(crate) fn new(positions: &[Vec<u32>], head_dim: usize, theta: f64, device: &Device) -> Self {
        let half = head_dim / 2;
        let frequencies: Vec<f64> = (0..half).map(|i| theta.powf(-2.0 * i as f64 / head_dim as f64)).collect();
        let rows = positions.len();
        let len = positions.first().map_or(0, Vec::len);
        let mut cos = Vec::with_capacity(rows * len * head_dim);
        let mut sin = Vec::with_capacity(rows * len * head_dim);
        for &position in positions.iter().flatten() {
            let angles: Vec<f64> = frequencies.iter().map(|frequency| f64::from(position) * frequency).collect();
            cos.extend(angles.iter().chain(&angles).map(|angle| angle.cos() as f32));
            sin.extend(angles.iter().map(|angle| -angle.sin() as f32));
            sin.extend(angles.iter().map(|angle| angle.sin() as f32));
        }
        let shape = [rows, 1, len, head_dim];
        Self {
            cos: Tensor::from_data(TensorData::new(cos, shape), device),
            sin: Tensor::from_data(TensorData::new(sin, shape), device),
            half,
        }
    }

    /// `x · cos + rotate_half(x) · sin`, `x: [batch, heads, len, head_dim]`.
    pub(crate) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let dim = 2 * self.half;
        let halves_swapped =
            Tensor::cat(vec![x.clone().narrow(3, self.half, dim - self.half), x.clone().narrow(3, 0, self.half)], 3);
        x * self.cos.clone() + halves_swapped * self.sin.clone()
    }
}
