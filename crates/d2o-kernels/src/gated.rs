//! `silu(gate) · up` as one operation.

use burn::tensor::Tensor;
use burn::tensor::activation::silu;
use rayon::prelude::*;

use crate::level::{Level, multiversion};
use crate::math;

/// Values of one task.
const CHUNK: usize = 16_384;

/// `silu(gate) ⊙ up`, with `silu(x) = x / (1 + e^−x)`: SwiGLU (arXiv 2002.05202).
///
/// # Shapes
/// - `gate`, `up` and output: the same
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if crate::host::is_here(&gate) && crate::host::is_here(&up) {
        return crate::ops::gated::swiglu(gate, up);
    }
    swiglu_composed(gate, up)
}

/// The same from Burn's operations.
pub fn swiglu_composed<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    silu(gate) * up
}

pub(crate) fn forward(level: Level, gate: &[f32], up: &[f32]) -> Vec<f32> {
    let mut y = vec![0f32; gate.len()];
    y.par_chunks_mut(CHUNK)
        .zip(gate.par_chunks(CHUNK).zip(up.par_chunks(CHUNK)))
        .for_each(|(y, (gate, up))| forward_chunk(level, gate, up, y));
    y
}

multiversion! {
    fn forward_chunk(gate: &[f32], up: &[f32], y: &mut [f32]) = forward_body
}

#[inline(always)]
fn forward_body<const FMA: bool>(gate: &[f32], up: &[f32], y: &mut [f32]) {
    for ((y, &gate), &up) in y.iter_mut().zip(gate).zip(up) {
        *y = gate / (1.0 + math::exp::<FMA>(-gate)) * up;
    }
}

/// Turns the gradient of the output, `slope`, into that of the gate, and returns that of `up`.
///
/// With `σ = 1 / (1 + e^−gate)`: `dgate = dy · up · σ (1 + gate (1 − σ))`, `dup = dy · gate · σ`.
pub(crate) fn backward(level: Level, gate: &[f32], up: &[f32], slope: &mut [f32]) -> Vec<f32> {
    let mut up_slope = vec![0f32; gate.len()];
    up_slope
        .par_chunks_mut(CHUNK)
        .zip(slope.par_chunks_mut(CHUNK))
        .zip(gate.par_chunks(CHUNK).zip(up.par_chunks(CHUNK)))
        .for_each(|((up_slope, slope), (gate, up))| backward_chunk(level, gate, up, slope, up_slope));
    up_slope
}

multiversion! {
    fn backward_chunk(gate: &[f32], up: &[f32], slope: &mut [f32], up_slope: &mut [f32]) = backward_body
}

#[inline(always)]
fn backward_body<const FMA: bool>(gate: &[f32], up: &[f32], slope: &mut [f32], up_slope: &mut [f32]) {
    for (((up_slope, slope), &gate), &up) in up_slope.iter_mut().zip(slope).zip(gate).zip(up) {
        let sigmoid = 1.0 / (1.0 + math::exp::<FMA>(-gate));
        *up_slope = *slope * gate * sigmoid;
        *slope *= up * sigmoid * (1.0 + gate * (1.0 - sigmoid));
    }
}
