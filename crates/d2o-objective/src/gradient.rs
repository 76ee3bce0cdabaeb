//! The loss's slope at each score, in closed form.

use burn::tensor::Tensor;

use crate::linear::Linear;
use crate::{Group, ObjectiveConfig};

/// `∂loss/∂s_θ` for every response, per example: not divided by the batch size, without autodiff.
///
/// With these as coefficients, `∇L = Σ_j c_j ∇s_j` is the gradient of each example's loss with
/// respect to the parameters, one response at a time.
#[derive(Debug, Clone)]
pub struct ScoreGradients {
    /// Slopes at the anchors' scores, `[batch, k]`, in loss per nat.
    pub anchors: Tensor<2>,
    /// Slopes at the rejected answers' scores, `[batch]`, in loss per nat; where the objective
    /// [needs the avoidance](ObjectiveConfig::needs_avoidance), at [`Group::rejected_avoidance`].
    pub rejected: Tensor<1>,
}

impl ScoreGradients {
    fn plus(self, other: Self) -> Self {
        Self { anchors: self.anchors + other.anchors, rejected: self.rejected + other.rejected }
    }
}

impl ObjectiveConfig {
    /// `∂L/∂s_θ` of each response, without automatic differentiation.
    ///
    /// For D²O: `−(β/k) σ(−h)` at each anchor and `+α σ(−h)` at the rejected answer. At the kinks of
    /// the hinges (`s_w − s_l = δ` and so on) and DPOP (`Δ_w = 0`) it is the slope of the side on which
    /// the kinked term is zero.
    ///
    /// # Shapes
    /// - `group.anchors`: `[batch, k]`; `group.rejected`: `[batch]`
    /// - output: `[batch, k]` and `[batch]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn score_gradients(&self, group: &Group) -> ScoreGradients {
        group.dims();
        let group = group.detached();
        let curve = self.curve().map(|curve| curve.slopes(&group));
        let terms = self.terms();
        let parts = curve.into_iter().chain(terms.iter().map(|term| slopes(term, &group)));
        parts.reduce(ScoreGradients::plus).expect("an objective has at least one term")
    }
}

fn slopes(term: &Linear, group: &Group) -> ScoreGradients {
    let [_, k] = group.anchors.policy.dims();
    let directions = term.directions(k);
    // [batch, 1] or [batch, k]; either broadcasts against the anchors.
    let weights = term.link.weight(term.arguments(group));
    let shared: Tensor<1> = weights.clone().mean_dim(1).squeeze_dim(1);
    ScoreGradients {
        anchors: weights * directions.anchor.broadcast(&group.anchors.tokens),
        rejected: shared * directions.rejected.broadcast(&group.rejected.tokens),
    }
}
