//! The gradient of the loss by each score, in closed form.

use burn::tensor::Tensor;

use crate::linear::Linear;
use crate::{Group, ObjectiveConfig, ScoreGradients};

impl ObjectiveConfig {
    /// `∂L/∂s_θ` of each response, without automatic differentiation.
    ///
    /// For D²O: `−(β/k) σ(−h)` at each anchor and `+α σ(−h)` at the rejected answer. At the kinks of
    /// the hinges (`s_w − s_l = δ` and so on) and DPOP (`Δ_w = 0`) it is the gradient of the side on which
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
        let curve = self.curve().map(|curve| curve.score_gradients(&group));
        let terms = self.terms();
        let parts = curve.into_iter().chain(terms.iter().map(|term| term_gradients(term, &group)));
        parts.reduce(ScoreGradients::plus).expect("an objective has at least one term")
    }
}

fn term_gradients(term: &Linear, group: &Group) -> ScoreGradients {
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
