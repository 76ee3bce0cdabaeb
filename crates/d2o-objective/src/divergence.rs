//! f-divergences in place of DPO's reverse Kullback–Leibler divergence.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::log_sigmoid::{log_sigmoid, negative, sigmoid};

/// Which divergence from the reference [`ObjectiveConfig::FDpo`](crate::ObjectiveConfig::FDpo) is the dual of.
///
/// In a run file: `divergence = "forward_kl"`, `"jensen_shannon"` or `{ alpha = 0.5 }`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Divergence {
    /// `g(Δ) = −exp(−Δ)`.
    #[default]
    ForwardKl,
    /// `g(Δ) = log σ(Δ)`.
    JensenShannon,
    /// `g(Δ) = exp((α−1)Δ)/(α−1)` with this `α`, which is not 1; `α = 0` is the forward divergence.
    Alpha(f64),
}

/// Exponents above this go on along the tangent, so that value and derivative stay finite in `f32`.
const LARGEST_EXPONENT: f64 = 50.0;

impl Divergence {
    /// `g(Δ)`, elementwise.
    pub(crate) fn link<const D: usize>(self, ratio: Tensor<D>) -> Tensor<D> {
        match self.rate() {
            None => log_sigmoid(ratio),
            Some(rate) => {
                let exponent = ratio.mul_scalar(rate);
                let beyond = exponent.clone().sub_scalar(LARGEST_EXPONENT);
                let beyond = beyond.clone() * negative(&beyond.clone().neg());
                let capped = exponent - beyond.clone();
                (capped.exp() * beyond.add_scalar(1.0)).mul_scalar(1.0 / rate)
            }
        }
    }

    /// `g'(Δ)`, elementwise; above zero everywhere.
    pub(crate) fn derivative<const D: usize>(self, ratio: Tensor<D>) -> Tensor<D> {
        match self.rate() {
            None => sigmoid(ratio.neg()),
            Some(rate) => ratio.mul_scalar(rate).clamp_max(LARGEST_EXPONENT).exp(),
        }
    }

    /// `α − 1` of the exponential forms.
    fn rate(self) -> Option<f64> {
        match self {
            Self::ForwardKl => Some(-1.0),
            Self::JensenShannon => None,
            Self::Alpha(alpha) => Some(alpha - 1.0),
        }
    }
}
