//! `log(1 − p)` from `log p`, safe where `p` is close to 0 or to 1.

use burn::tensor::Tensor;

use crate::log_sigmoid::negative;

/// Log-probabilities above this are taken to be this: `p` stays below `1 − 10⁻⁶`.
const CLOSEST_TO_ONE: f64 = -1e-6;

/// From here on `1 − exp(x)` is computed from `x`: close to 0 the difference has no digits.
const NEAR: f64 = -1.0;
/// Below, `log(1 − p)` is a series in `p = exp(x)`: where `1 − p` rounds to 1 its logarithm is 0. Some processors, all
/// GPUs among them, have no `log1p` that would know.
const FAR: f64 = -3.0;
/// Terms of the series: `1/19!` and `e⁻⁵⁴/19` are below what double precision resolves.
const TERMS: usize = 18;

/// `log(1 − exp(x))` of log-probabilities `x`, elementwise, in nats; `x` is cut off at `−10⁻⁶`, so that
/// a certain token costs 13.8 nats and not infinitely many.
///
/// Summed over the tokens of a response it is the log-probability of avoiding each of them, which is
/// what the objective `unlikelihood` raises (arXiv 1908.04319). The gradient of a token that was cut
/// off is the one at the cut, `−10⁶`, not zero: the tokens that most need to change must not stand still.
///
/// # Shapes
/// - `x`, output: any, equal
pub fn log_one_minus_exp<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let x = cut(x);
    let far = below(&x, FAR);
    let near = below(&x, NEAR).neg().add_scalar(1.0);
    let between = (far.clone() + near.clone()).neg().add_scalar(1.0);
    // Each piece sees only arguments of its own range, so that none makes a number that is not finite.
    let near_end = x.clone().clamp_min(NEAR);
    let log_near = near_end.clone().neg().log() + quotient(near_end).log();
    let log_between = x.clone().clamp(FAR, NEAR).exp().neg().add_scalar(1.0).log();
    let p = x.clamp_max(FAR).exp();
    // log(1 − p) = −p Σ_k p^k/(k + 1)
    let log_far = p.clone().neg() * polynomial(p, |k| 1.0 / (k + 1) as f64);
    log_near * near + log_between * between + log_far * far
}

/// `1 − exp(x)` with `x` cut off as above, as a constant.
pub(crate) fn one_minus_exp<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let x = cut(x.without_autodiff());
    let near = below(&x, NEAR).neg().add_scalar(1.0);
    let near_end = x.clone().clamp_min(NEAR);
    let far = near.clone().neg().add_scalar(1.0);
    near_end.clone().neg() * quotient(near_end) * near + x.exp().neg().add_scalar(1.0) * far
}

/// `(1 − exp(x))/(−x) = Σ_k x^k/(k + 1)!` for `x` from −1 to 0: no difference of close numbers is taken.
fn quotient<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    polynomial(x, |k| 1.0 / (1..=k + 1).map(|factor| factor as f64).product::<f64>())
}

/// `Σ_k c_k x^k`, to the last digit of double precision for the two series here.
fn polynomial<const D: usize>(x: Tensor<D>, coefficient: impl Fn(usize) -> f64) -> Tensor<D> {
    (0..TERMS).rev().fold(x.zeros_like(), |sum, k| (sum * x.clone()).add_scalar(coefficient(k)))
}

/// `1[x < bound]` as a constant.
fn below<const D: usize>(x: &Tensor<D>, bound: f64) -> Tensor<D> {
    negative(&x.clone().without_autodiff().sub_scalar(bound))
}

/// `min(x, −10⁻⁶)` in value, `x` in gradient.
fn cut<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let constant = x.clone().without_autodiff();
    let nothing = x - constant.clone();
    nothing + constant.clamp_max(CLOSEST_TO_ONE)
}
