//! `silu(gate) · up` on slices.

use rayon::prelude::*;

use crate::cpu::level::{Level, multiversion};
use crate::cpu::math;

/// Values of one task.
const CHUNK: usize = 16_384;

/// `silu(gate) ⊙ up`.
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

/// Turns the gradient of the output, `gradient`, into that of the gate, and returns that of `up`.
///
/// With `σ = 1 / (1 + e^−gate)`: `dgate = dy · up · σ (1 + gate (1 − σ))`, `dup = dy · gate · σ`.
pub(crate) fn backward(level: Level, gate: &[f32], up: &[f32], gradient: &mut [f32]) -> Vec<f32> {
    let mut up_gradient = vec![0f32; gate.len()];
    up_gradient
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks_mut(CHUNK))
        .zip(gate.par_chunks(CHUNK).zip(up.par_chunks(CHUNK)))
        .for_each(|((up_gradient, gradient), (gate, up))| backward_chunk(level, gate, up, gradient, up_gradient));
    up_gradient
}

multiversion! {
    fn backward_chunk(gate: &[f32], up: &[f32], gradient: &mut [f32], up_gradient: &mut [f32]) = backward_body
}

#[inline(always)]
fn backward_body<const FMA: bool>(gate: &[f32], up: &[f32], gradient: &mut [f32], up_gradient: &mut [f32]) {
    for (((up_gradient, gradient), &gate), &up) in up_gradient.iter_mut().zip(gradient).zip(gate).zip(up) {
        let sigmoid = 1.0 / (1.0 + math::exp::<FMA>(-gate));
        *up_gradient = *gradient * gate * sigmoid;
        *gradient *= up * sigmoid * (1.0 + gate * (1.0 - sigmoid));
    }
}
