//! The exact gradient of a group without the graphs of all its responses.

use burn::tensor::Tensor;

use crate::linear::Linear;
use crate::{Group, ObjectiveConfig, Streaming};

impl ObjectiveConfig {
    /// The streamed form for groups of `k` anchors, if there is one.
    ///
    /// Losses of one argument per group have one for every `k`: D²O, SFT, NPO, SimNPO, gradient ascent and
    /// unlikelihood. Those of one argument per pair (DPO, IPO, SimPO, `hinge`, …) have one for `k = 1`, because
    /// with more anchors each pair has a weight of its own. `None`, also for sums of several terms, asks for
    /// two passes: scores first, then the backward passes with [`score_gradients`](Self::score_gradients) as
    /// coefficients. That is as exact, and costs one more forward pass.
    ///
    /// The coefficient of the rejected answer belongs to its score, or to [`Group::rejected_avoidance`] where
    /// the objective [needs that](Self::needs_avoidance).
    ///
    /// # Panics
    /// If `k` is zero.
    pub fn streaming(&self, k: usize) -> Option<Streaming> {
        assert!(k > 0, "a group needs at least one anchor");
        self.single_term(k).map(|term| term.directions(k))
    }

    /// The number that multiplies a group's streamed gradient, once all scores are known.
    ///
    /// Between 0 and 1 for links through `σ` without label smoothing, 1 for SFT, gradient ascent and
    /// unlikelihood; it may be negative for losses that turn around past their target.
    /// `None` exactly where [`streaming`](Self::streaming) gives `None`.
    ///
    /// # Shapes
    /// - output: `[batch]`, without autodiff
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn weight(&self, group: &Group) -> Option<Tensor<1>> {
        let [batch, k] = group.dims();
        let term = self.single_term(k)?;
        let arguments = term.arguments(&group.detached());
        Some(term.link.weight(arguments).reshape([batch]))
    }

    /// Whether the loss looks at [`Group::rejected_avoidance`], and its gradient goes through it instead of
    /// through the rejected answer's score.
    pub fn needs_avoidance(&self) -> bool {
        matches!(self, Self::Unlikelihood {})
    }

    /// Whether the loss of one group depends on the other groups of the batch: a step must then score all
    /// of its groups before it can weigh any.
    pub fn couples_groups(&self) -> bool {
        matches!(self, Self::Aot { .. } | Self::AotUnpaired { .. })
    }

    /// The loss's only term, if one number weighs a whole group of `k` anchors.
    fn single_term(&self, k: usize) -> Option<Linear> {
        match (self.curve(), self.terms().as_slice()) {
            (None, [term]) if term.has_one_weight(k) => Some(*term),
            _ => None,
        }
    }
}
