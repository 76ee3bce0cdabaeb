//! The logistic function, safe at any finite argument in value and in gradient.

use burn::tensor::Tensor;

/// `log σ(x) = min(x, 0) − log(1 + exp(−|x|))`, elementwise.
///
/// Finite for every finite `x` in `f32` (at `±1e4` the value is `0` and `−1e4`), and so is its
/// gradient `σ(−x)`. The sign that `min` and `|·|` need is taken as a constant with `+1` at zero, so
/// the gradient at exactly `x = 0`, where every run that starts from its reference stands, is ½ and
/// not the zero that differentiating `|x|` would leave. For `x > 0` the gradient is computed as
/// `e/(1 + e)` with `e = exp(−x)`: no cancellation, so it fades but keeps its relative precision.
///
/// # Shapes
/// - `x`, output: any, equal
pub fn log_sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // below = 1[x < 0]; sign = 1 − 2·below, so that sign·x = |x| and min(x, 0) = below·x.
    let below = negative(&x);
    let sign = below.clone().mul_scalar(-2.0).add_scalar(1.0);
    let tail = (sign * x.clone()).neg().exp().log1p();
    below * x - tail
}

/// `σ(x) = exp(log σ(x))`, elementwise: no overflow, and full relative precision in both tails.
///
/// # Shapes
/// - `x`, output: any, equal
pub fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    log_sigmoid(x).exp()
}

/// `1[x < 0]` as a constant in the floating type of `x`.
pub(crate) fn negative<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
    let x = x.clone().without_autodiff();
    x.zeros_like().mask_fill(x.lower_elem(0.0), 1.0)
}
