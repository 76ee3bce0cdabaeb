//! The functions between an argument `h` and a loss.

use burn::tensor::Tensor;

use crate::log_sigmoid::{log_sigmoid, negative, sigmoid};

/// The loss as a function of its argument `h`. Most fall as `h` grows; the squares and the smoothed
/// links turn around past their target.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Link {
    /// `−h`.
    Identity,
    /// `−(1−ε) log σ(h) − ε log σ(−h)`.
    LogSigmoid { smoothing: f64 },
    /// `[−(1−ε) log σ(h) + ε log σ(−h)] / (1−2ε)`.
    Unbiased { smoothing: f64 },
    /// `σ(h)(log σ(h) − log(1−ε)) + σ(−h)(log σ(−h) − log ε)`.
    ReverseKl { smoothing: f64 },
    /// `(h − target)²`.
    Square { target: f64 },
    /// `max(0, margin − h)`.
    Hinge { margin: f64 },
    /// `1 − σ(h)`.
    Miss,
    /// `−(1 − σ(h/τ)) log σ(h) + σ(h/τ) exp(−h)`.
    Modulated { tau: f64 },
}

impl Link {
    /// The loss at `h`, elementwise.
    pub(crate) fn loss<const D: usize>(self, h: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => h.neg(),
            Self::LogSigmoid { smoothing: 0.0 } => log_sigmoid(h).neg(),
            Self::LogSigmoid { smoothing } => {
                log_sigmoid(h.clone()).mul_scalar(smoothing - 1.0) - log_sigmoid(h.neg()).mul_scalar(smoothing)
            }
            Self::Unbiased { smoothing } => {
                let right = log_sigmoid(h.clone()).mul_scalar(smoothing - 1.0);
                let wrong = log_sigmoid(h.neg()).mul_scalar(smoothing);
                (right + wrong).mul_scalar(1.0 / (1.0 - 2.0 * smoothing))
            }
            Self::ReverseKl { smoothing } => {
                let side = |x: Tensor<D>, share: f64| sigmoid(x.clone()) * log_sigmoid(x).sub_scalar(share.ln());
                side(h.clone(), 1.0 - smoothing) + side(h.neg(), smoothing)
            }
            Self::Square { target } => h.sub_scalar(target).square(),
            Self::Hinge { margin } => {
                let missing = h.neg().add_scalar(margin);
                open(&missing) * missing
            }
            Self::Miss => sigmoid(h.neg()),
            Self::Modulated { tau } => {
                let u = h.clone().mul_scalar(1.0 / tau);
                let logistic = log_sigmoid(h.clone()) * sigmoid(u.clone().neg());
                // One exponent for the product: exp(−h) alone overflows where σ(h/τ) is zero.
                (log_sigmoid(u) - h).exp() - logistic
            }
        }
    }

    /// `−∂loss/∂h`, elementwise: for `LogSigmoid` it is `σ(−h) − ε`.
    pub(crate) fn weight<const D: usize>(self, h: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => h.ones_like(),
            Self::LogSigmoid { smoothing } => sigmoid(h.neg()).sub_scalar(smoothing),
            Self::Unbiased { smoothing } => sigmoid(h.neg()).add_scalar(smoothing / (1.0 - 2.0 * smoothing)),
            Self::ReverseKl { smoothing } => {
                let target = ((1.0 - smoothing) / smoothing).ln();
                sigmoid_derivative(h.clone()) * h.neg().add_scalar(target)
            }
            Self::Square { target } => h.sub_scalar(target).mul_scalar(-2.0),
            Self::Hinge { margin } => open(&h.neg().add_scalar(margin)),
            Self::Miss => sigmoid_derivative(h),
            Self::Modulated { tau } => {
                let u = h.clone().mul_scalar(1.0 / tau);
                let off = sigmoid(u.clone().neg());
                let exponential = (log_sigmoid(u.clone()) - h.clone()).exp();
                let logistic = sigmoid(h.clone().neg()) * off.clone();
                let fading = log_sigmoid(h) * sigmoid_derivative(u).mul_scalar(1.0 / tau);
                logistic - fading + exponential * off.mul_scalar(-1.0 / tau).add_scalar(1.0)
            }
        }
    }
}

/// `σ'(x) = σ(x) σ(−x)`.
fn sigmoid_derivative<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    sigmoid(x.clone()) * sigmoid(x.neg())
}

/// `1[missing > 0]` as a constant.
fn open<const D: usize>(missing: &Tensor<D>) -> Tensor<D> {
    negative(&missing.clone().without_autodiff().neg())
}
