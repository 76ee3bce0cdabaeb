//! Root-mean-square normalisation as one operation.

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::level::{Level, madd, multiversion};
use crate::math;

/// Rows that are computed together, and whose share of the weight's gradient is summed apart.
const ROWS: usize = 64;

/// `x / √(mean(x²) + ε) · w` over the last dimension (arXiv 1910.07467).
///
/// # Shapes
/// - `x` and output: `[.., width]`; `weight`: `[width]`
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f64) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if crate::host::is_here(&x) && crate::host::is_here(&weight) {
        return crate::ops::norm::rms_norm(x, weight, epsilon as f32);
    }
    rms_norm_composed(x, weight, epsilon)
}

/// The same from Burn's operations.
pub fn rms_norm_composed<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f64) -> Tensor<D> {
    let inverse = (x.clone() * x.clone()).mean_dim(D - 1).add_scalar(epsilon).sqrt().recip();
    x * inverse * weight.unsqueeze()
}

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

/// Turns the gradient of the output, `slope`, into that of `x`, and returns that of the weight.
///
/// With `r` the row's inverse and `g = dy ⊙ w`: `dx = r g − r³ (g · x) / width · x`, `dw = Σ dy ⊙ x r`.
pub(crate) fn backward(level: Level, x: &[f32], weight: &[f32], inverses: &[f32], slope: &mut [f32]) -> Vec<f32> {
    let width = weight.len();
    let parts: Vec<Vec<f32>> = slope
        .par_chunks_mut(ROWS * width)
        .zip(x.par_chunks(ROWS * width))
        .zip(inverses.par_chunks(ROWS))
        .map(|((slope, x), inverses)| {
            let mut part = vec![0f32; width];
            backward_rows(level, x, weight, inverses, slope, &mut part);
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
    fn backward_rows(x: &[f32], weight: &[f32], inverses: &[f32], slope: &mut [f32], dw: &mut [f32]) = backward_body
}

#[inline(always)]
fn backward_body<const FMA: bool>(x: &[f32], weight: &[f32], inverses: &[f32], slope: &mut [f32], dw: &mut [f32]) {
    let width = weight.len();
    for ((x, slope), &r) in x.chunks_exact(width).zip(slope.chunks_exact_mut(width)).zip(inverses) {
        for ((dw, &dy), &x) in dw.iter_mut().zip(slope.iter()).zip(x) {
            *dw = madd::<FMA>(dy * r, x, *dw);
        }
        for (slope, &w) in slope.iter_mut().zip(weight) {
            *slope *= w;
        }
        let along = math::dot::<FMA>(slope, x) * r * r * r / width as f32;
        for (slope, &x) in slope.iter_mut().zip(x) {
            *slope = madd::<FMA>(-along, x, *slope * r);
        }
    }
}
