//! The gradient of the loss by every response's score.

use burn::tensor::Tensor;

/// `∂loss/∂s_θ` for every response, per example: not divided by the batch size, without autodiff.
///
/// With these as coefficients, `∇L = Σ_j c_j ∇s_j` is the gradient of each example's loss with
/// respect to the parameters, one response at a time.
#[derive(Debug, Clone)]
pub struct ScoreGradients {
    /// Gradients by the anchors' scores, `[batch, k]`, in loss per nat.
    pub anchors: Tensor<2>,
    /// Gradients by the rejected answers' scores, `[batch]`, in loss per nat; where the objective
    /// [needs the avoidance](crate::ObjectiveConfig::needs_avoidance), at [`Group::rejected_avoidance`](crate::Group::rejected_avoidance).
    pub rejected: Tensor<1>,
}

impl ScoreGradients {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { anchors: self.anchors + other.anchors, rejected: self.rejected + other.rejected }
    }
}
