//! From scores to the loss of each example.

use burn::tensor::Tensor;

use crate::linear::Linear;
use crate::{Diagnostics, Group, ObjectiveConfig};

/// What [`ObjectiveConfig::forward`] returns.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The loss of each group, `[batch]`, tracked where the policy's scores are; the caller
    /// reduces.
    pub per_example: Tensor<1>,
    /// What to watch, without autodiff.
    pub diagnostics: Diagnostics,
}

/// Per-example loss of one term with the link's argument and weight.
struct Evaluated {
    per_example: Tensor<1>,
    h: Tensor<1>,
    w: Tensor<1>,
}

impl ObjectiveConfig {
    /// The loss of every group in the batch, by the equation of each variant of
    /// [`ObjectiveConfig`], in the floating type of the scores (use `f32`).
    ///
    /// # Shapes
    /// - `group.anchors`: `[batch, k]`; `group.rejected`: `[batch]`
    /// - output: `[batch]`
    ///
    /// # Panics
    /// If the group's tensors disagree about their shape, or `batch` or `k` is zero, or the objective
    /// [needs the avoidance](Self::needs_avoidance) and the group has none.
    pub fn forward(&self, group: &Group) -> Loss {
        group.dims();
        let mut parts = self.evaluate(group).into_iter();
        let first = parts.next().expect("an objective has at least one term");
        let per_example = parts.fold(first.per_example, |sum, part| sum + part.per_example);
        Loss { per_example, diagnostics: Diagnostics::new(self, &group.detached(), first.h, first.w) }
    }

    /// Every part of the loss; the first is the one that the diagnostics show.
    fn evaluate(&self, group: &Group) -> Vec<Evaluated> {
        let curve = self.curve().map(|curve| {
            let h = curve.argument(group);
            let constant = h.clone().without_autodiff();
            averaged(curve.loss(h), curve.weight(constant.clone()), constant)
        });
        curve.into_iter().chain(self.terms().iter().map(|term| evaluate_term(term, group))).collect()
    }
}

fn evaluate_term(term: &Linear, group: &Group) -> Evaluated {
    let h = term.arguments(group);
    let constant = h.clone().without_autodiff();
    averaged(term.loss(h), term.link.weight(constant.clone()), constant)
}

/// `[batch, 1]` or `[batch, k]` → `[batch]`, by the mean over the second axis.
fn averaged(loss: Tensor<2>, w: Tensor<2>, h: Tensor<2>) -> Evaluated {
    let mean = |values: Tensor<2>| values.mean_dim(1).squeeze_dim(1);
    Evaluated { per_example: mean(loss), h: mean(h), w: mean(w) }
}
