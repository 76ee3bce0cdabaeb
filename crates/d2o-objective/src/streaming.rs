//! The exact gradient of a group without the graphs of all its responses.

use burn::tensor::Tensor;

use crate::linear::Linear;
use crate::{Group, ObjectiveConfig};

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
/// [`ObjectiveConfig::weight`], on all scores. So each response can be run forward and backward on its
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
