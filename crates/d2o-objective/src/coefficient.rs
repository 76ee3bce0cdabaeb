//! How much each response's score counts in a group's gradient.

use burn::tensor::Tensor;

/// How much one response's score counts, given its length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coefficient {
    /// `c` for every response: the summed log-probability counts.
    Summed(f64),
    /// `c / len`: the log-probability per token counts.
    PerToken(f64),
}

impl Coefficient {
    /// The coefficient of a response of `tokens` tokens. A length of 0 counts as 1, so that an
    /// absent response, whose score is 0, stays harmless.
    pub fn at(self, tokens: usize) -> f64 {
        match self {
            Self::Summed(c) => c,
            Self::PerToken(c) => c / tokens.max(1) as f64,
        }
    }

    /// Whether the responses do not count at all, whatever their length: no forward is needed.
    pub fn is_zero(self) -> bool {
        let (Self::Summed(c) | Self::PerToken(c)) = self;
        c == 0.0
    }

    /// The coefficients of responses with these lengths.
    ///
    /// # Shapes
    /// - `tokens`, output: any, equal
    pub fn broadcast<const D: usize>(self, tokens: &Tensor<D>) -> Tensor<D> {
        let tokens = tokens.clone().without_autodiff();
        match self {
            Self::Summed(c) => tokens.zeros_like().add_scalar(c),
            Self::PerToken(c) => tokens.clamp_min(1.0).recip().mul_scalar(c),
        }
    }

    /// `c · score`, or zeros where `c` is zero, so that an infinite score cannot turn into NaN.
    pub(crate) fn times<const D: usize>(self, score: Tensor<D>, tokens: &Tensor<D>) -> Tensor<D> {
        if self.is_zero() {
            return score.zeros_like();
        }
        match self {
            Self::Summed(c) => score.mul_scalar(c),
            Self::PerToken(_) => score * self.broadcast(tokens),
        }
    }

    pub(crate) fn scaled(self, by: f64) -> Self {
        match self {
            Self::Summed(c) => Self::Summed(c * by),
            Self::PerToken(c) => Self::PerToken(c * by),
        }
    }
}

/// Coefficients that are known before any forward pass.
///
/// For an objective `L = f(h)` whose argument `h` is linear in the scores, the gradient of a group is
/// `∇L = weight · Σ_j c_j ∇s_j`: the `c_j` below depend on lengths only, and one number per group,
/// [`ObjectiveConfig::weight`](crate::ObjectiveConfig::weight), on all scores. So each response can be run forward and backward on its
/// own, its gradient added with `c_j` to a buffer of the group, and the buffer multiplied by the weight
/// once the last score is known. This equals the gradient of the joint graph up to rounding: nothing
/// is approximated, and memory does not grow with the number of anchors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Streaming {
    /// `c` of each anchor; already divided by their number.
    pub anchor: Coefficient,
    /// `c` of the rejected answer.
    pub rejected: Coefficient,
}
