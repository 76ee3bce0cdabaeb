//! Nonlinearities.

use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::config::Activation;

impl Activation {
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Silu => silu(x),
            Self::GeluTanh => gelu_tanh(x),
        }
    }
}

/// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))` (arXiv 1606.08415).
fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let scale = std::f64::consts::FRAC_2_PI.sqrt();
    // √(2/π) x (1 + 0.044715 x²), so that no power function is called.
    let factor = (x.clone() * x.clone()).mul_scalar(0.044_715 * scale).add_scalar(scale);
    let gate = (x.clone() * factor).tanh().add_scalar(1.0);
    x * gate.mul_scalar(0.5)
}

/// `cap · tanh(x / cap)`.
pub(crate) fn soft_cap<const D: usize>(x: Tensor<D>, cap: f64) -> Tensor<D> {
    x.div_scalar(cap).tanh().mul_scalar(cap)
}
