//! `log(1 − p)` from `log p`, safe where `p` is close to 0 or to 1.

use burn::tensor::Tensor;

use crate::log_sigmoid::negative;

/// Log-probabilities above this are taken to be this: `p` stays below `1 − 10⁻⁶`.
const CLOSEST_TO_ONE: f64 = -1e-6;

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
    // 1 − exp(x) = tanh(−x/2)(1 + exp(x)): no cancellation near 0. Below −1 exp(x) alone keeps the digits.
    let near = x.clone().mul_scalar(-0.5).tanh().log() + x.clone().exp().log1p();
    let far_below = negative(&x.clone().add_scalar(1.0));
    let far = (x * far_below.clone() - far_below.clone().neg().add_scalar(1.0)).exp().neg().log1p();
    far * far_below.clone() + near * far_below.neg().add_scalar(1.0)
}

/// `1 − exp(x)` with `x` cut off as above, as a constant.
pub(crate) fn one_minus_exp<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let x = cut(x.without_autodiff());
    x.clone().mul_scalar(-0.5).tanh() * x.exp().add_scalar(1.0)
}

/// `min(x, −10⁻⁶)` in value, `x` in slope.
fn cut<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let constant = x.clone().without_autodiff();
    let nothing = x - constant.clone();
    nothing + constant.clamp_max(CLOSEST_TO_ONE)
}
