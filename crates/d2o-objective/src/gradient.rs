//! The loss's slope at each score, in closed form.

use burn::tensor::Tensor;

use crate::link::Linear;
use crate::{Group, ObjectiveConfig, pairwise};

/// `∂loss/∂s_θ` for every response, per example: not divided by the batch size, without autodiff.
///
/// With these as coefficients, `∇L = Σ_j c_j ∇s_j` is the gradient of each example's loss with
/// respect to the parameters, one response at a time.
#[derive(Debug, Clone)]
pub struct ScoreGradients {
    /// Slopes at the anchors' scores, `[batch, k]`, in loss per nat.
    pub anchors: Tensor<2>,
    /// Slopes at the rejected answers' scores, `[batch]`, in loss per nat.
    pub rejected: Tensor<1>,
}

impl ScoreGradients {
    fn plus(self, other: Self, weight: f64) -> Self {
        Self {
            anchors: self.anchors + other.anchors.mul_scalar(weight),
            rejected: self.rejected + other.rejected.mul_scalar(weight),
        }
    }
}

impl ObjectiveConfig {
    /// `∂L/∂s_θ` of each response, without automatic differentiation.
    ///
    /// For D²O: `−(β/k) σ(−h)` at each anchor and `+α σ(−h)` at the rejected answer. At the kinks of
    /// SLiC-HF (`s_w − s_l = δ`) and DPOP (`Δ_w = 0`) it is the slope of the side on which the kinked
    /// term is zero.
    ///
    /// # Shapes
    /// - `group.anchors`: `[batch, k]`; `group.rejected`: `[batch]`
    /// - output: `[batch, k]` and `[batch]`
    ///
    /// # Panics
    /// If the group's tensors disagree about their shape, or `batch` or `k` is zero.
    pub fn score_gradients(&self, group: &Group) -> ScoreGradients {
        group.dims();
        self.slopes(&group.detached())
    }

    fn slopes(&self, group: &Group) -> ScoreGradients {
        if let Self::Rpo { nll_weight, .. } = self {
            let [dpo, likelihood] = self.rpo_parts();
            return dpo.slopes(group).plus(likelihood.slopes(group), *nll_weight);
        }
        match (self.linear(), pairwise::slopes(self, group)) {
            (Some(linear), _) => linear_slopes(&linear, group),
            (None, Some(pairs)) => {
                let [_, k] = group.anchors.policy.dims();
                ScoreGradients {
                    anchors: pairs.anchor.div_scalar(k as f64),
                    rejected: pairs.rejected.mean_dim(1).squeeze_dim(1),
                }
            }
            (None, None) => unreachable!("every objective is linear, pairwise or RPO"),
        }
    }
}

fn linear_slopes(linear: &Linear, group: &Group) -> ScoreGradients {
    let [_, k] = group.anchors.policy.dims();
    let directions = linear.directions(k);
    // [batch, 1] or [batch, k]; either broadcasts against the anchors.
    let weights = linear.link.weight(linear.arguments(group));
    let shared: Tensor<1> = weights.clone().mean_dim(1).squeeze_dim(1);
    ScoreGradients {
        anchors: weights * directions.anchor.broadcast(&group.anchors.tokens),
        rejected: shared * directions.rejected.broadcast(&group.rejected.tokens),
    }
}
