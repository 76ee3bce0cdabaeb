//! Root-mean-square normalisation on slices.

use rayon::prelude::*;

use crate::cpu::level::{Level, madd, multiversion};
use crate::cpu::math;

/// Rows that are computed together, and whose share of the weight's gradient is summed apart.
const ROWS: usize = 64;

/// Output, and `1 / √(mean(x²) + ε)` of each row.
pub(crate) fn forward(level: Level, x: &[f32], weight: &[f32], epsilon: f32) -> (Vec<f32>, Vec<f32>) {
    let width = weight.len();
    let (mut y, mut inverses) = (vec![0f32; x.len()], vec![0f32; x.len() / width]);
    y.par_chunks_mut(ROWS * width)
        .zip(x.par_chunks(ROWS * width))
        .zip(inverses.par_chunks_mut(ROWS))
        .for_each(|((y, x), inverses)| forward_rows(level, x, weight, epsilon, y, inverses));
    (y, inverses)
}

multiversion! {
    fn forward_rows(x: &[f32], weight: &[f32], epsilon: f32, y: &mut [f32], inverses: &mut [f32]) = forward_body
}

#[inline(always)]
fn forward_body<const FMA: bool>(x: &[f32], weight: &[f32], epsilon: f32, y: &mut [f32], inverses: &mut [f32]) {
    let width = weight.len();
    for ((x, y), inverse) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(inverses) {
        *inverse = 1.0 / (math::dot::<FMA>(x, x) / width as f32 + epsilon).sqrt();
        for ((y, &x), &w) in y.iter_mut().zip(x).zip(weight) {
            *y = x * *inverse * w;
        }
    }
}

/// Turns the gradient of the output, `gradient`, into that of `x`, and returns that of the weight.
///
/// With `r` the row's inverse and `g = dy ⊙ w`: `dx = r g − r³ (g · x) / width · x`, `dw = Σ dy ⊙ x r`.
pub(crate) fn backward(level: Level, x: &[f32], weight: &[f32], inverses: &[f32], gradient: &mut [f32]) -> Vec<f32> {
    let width = weight.len();
    let parts: Vec<Vec<f32>> = gradient
        .par_chunks_mut(ROWS * width)
        .zip(x.par_chunks(ROWS * width))
        .zip(inverses.par_chunks(ROWS))
        .map(|((gradient, x), inverses)| {
            let mut part = vec![0f32; width];
            backward_rows(level, x, weight, inverses, gradient, &mut part);
            part
        })
        .collect();
    let mut total = vec![0f32; width];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}

multiversion! {
    fn backward_rows(x: &[f32], weight: &[f32], inverses: &[f32], gradient: &mut [f32], dw: &mut [f32]) = backward_body
}

#[inline(always)]
fn backward_body<const FMA: bool>(x: &[f32], weight: &[f32], inverses: &[f32], gradient: &mut [f32], dw: &mut [f32]) {
    let width = weight.len();
    for ((x, gradient), &r) in x.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).zip(inverses) {
        for ((dw, &dy), &x) in dw.iter_mut().zip(gradient.iter()).zip(x) {
            *dw = madd::<FMA>(dy * r, x, *dw);
        }
        for (gradient, &w) in gradient.iter_mut().zip(weight) {
            *gradient *= w;
        }
        let along = math::dot::<FMA>(gradient, x) * r * r * r / width as f32;
        for (gradient, &x) in gradient.iter_mut().zip(x) {
            *gradient = madd::<FMA>(-along, x, *gradient * r);
        }
    }
}
