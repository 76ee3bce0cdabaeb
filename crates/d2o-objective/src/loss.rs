//! From scores to the loss of each example.

use burn::tensor::Tensor;

use crate::link::Linear;
use crate::{Diagnostics, Group, ObjectiveConfig, pairwise};

/// What [`ObjectiveConfig::forward`] returns.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The loss of each group, `[batch]`, tracked where the policy's scores are; the caller
    /// reduces.
    pub per_example: Tensor<1>,
    /// What to watch, without autodiff.
    pub diagnostics: Diagnostics,
}

/// Per-example loss with the link's argument and weight, still without the log-ratios.
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
    /// If the group's tensors disagree about their shape, or `batch` or `k` is zero.
    pub fn forward(&self, group: &Group) -> Loss {
        group.dims();
        let Evaluated { per_example, h, w } = self.evaluate(group);
        Loss { per_example, diagnostics: Diagnostics::new(self, &group.detached(), h, w) }
    }

    fn evaluate(&self, group: &Group) -> Evaluated {
        if let Self::Rpo { nll_weight, .. } = self {
            let [dpo, likelihood] = self.rpo_parts();
            let preference = dpo.evaluate(group);
            let likelihood = likelihood.evaluate(group).per_example;
            let per_example = preference.per_example + likelihood.mul_scalar(*nll_weight);
            return Evaluated { per_example, ..preference };
        }
        match (self.linear(), pairwise::loss(self, group)) {
            (Some(linear), _) => evaluate_linear(&linear, group),
            (None, Some(pairs)) => {
                let h = pairs.h.without_autodiff();
                let w = pairwise::weight(self, h.clone());
                averaged(pairs.loss, h, w)
            }
            (None, None) => unreachable!("every objective is linear, pairwise or RPO"),
        }
    }

    /// The two objectives whose weighted sum RPO is: DPO, and SFT on the anchors.
    pub(crate) fn rpo_parts(&self) -> [Self; 2] {
        let beta = match *self {
            Self::Rpo { beta, .. } => beta,
            _ => unreachable!("only RPO has parts"),
        };
        let label_smoothing = 0.0;
        [Self::Dpo { beta, label_smoothing }, Self::Sft {}]
    }
}

fn evaluate_linear(linear: &Linear, group: &Group) -> Evaluated {
    let h = linear.arguments(group);
    let constant = h.clone().without_autodiff();
    let w = linear.link.weight(constant.clone());
    averaged(linear.loss(h), constant, w)
}

/// `[batch, 1]` or `[batch, k]` → `[batch]`, by the mean over the second axis.
fn averaged(loss: Tensor<2>, h: Tensor<2>, w: Tensor<2>) -> Evaluated {
    let mean = |values: Tensor<2>| values.mean_dim(1).squeeze_dim(1);
    Evaluated { per_example: mean(loss), h: mean(h), w: mean(w) }
}
