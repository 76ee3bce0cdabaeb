//! The operands of every objective, by name.

use burn::tensor::{Tensor, assert_shape};

/// Responses as the policy and one frozen reference see them.
///
/// # Shapes
/// All three tensors share one shape: `[batch, k]` for anchors, `[batch]` for rejected answers.
///
/// A response that is absent from a row is written as `policy = reference = tokens = 0`.
#[derive(Debug, Clone)]
pub struct Scored<const D: usize> {
    /// `s_θ(y) = Σ_t log π_θ(y_t | x, y_<t)`: nats, summed over response tokens.
    pub policy: Tensor<D>,
    /// `s_ref(y)`: the same sum under the reference that belongs to these responses, in nats.
    /// A constant of the maths: no gradient reaches it, even if it is tracked.
    pub reference: Tensor<D>,
    /// Number of response tokens, as floats. A constant of the maths, like the reference.
    pub tokens: Tensor<D>,
}

impl<const D: usize> Scored<D> {
    /// Log-ratio `Δ = s_θ(y) − s_ref(y)`, in nats.
    ///
    /// # Shapes
    /// - output: that of `policy`
    pub fn log_ratio(&self) -> Tensor<D> {
        self.policy.clone() - self.reference.clone().without_autodiff()
    }

    /// The same values as constants, on the device without autodiff.
    pub fn detached(&self) -> Self {
        Self {
            policy: self.policy.clone().without_autodiff(),
            reference: self.reference.clone().without_autodiff(),
            tokens: self.tokens.clone().without_autodiff(),
        }
    }
}

/// One batch of groups: per row a prompt with `k` anchors and one rejected answer.
#[derive(Debug, Clone)]
pub struct Group {
    /// The anchors `y_i`, `[batch, k]`. Their `reference` is `r−`, the more harmful one.
    pub anchors: Scored<2>,
    /// The rejected answer `y_l`, `[batch]`. Its `reference` is `r+`, the more helpful one.
    pub rejected: Scored<1>,
    /// `u(y_l) = Σ_t log(1 − π_θ(y_l,t | x, y_l,<t))`, `[batch]`, nats: how probable it is to avoid every
    /// token of the rejected answer. Only for objectives that [need it](crate::ObjectiveConfig::needs_avoidance);
    /// see [`log_one_minus_exp`](crate::log_one_minus_exp).
    pub rejected_avoidance: Option<Tensor<1>>,
}

impl Group {
    /// A batch from summed scores alone, which is all that most objectives look at.
    pub fn new(anchors: Scored<2>, rejected: Scored<1>) -> Self {
        Self { anchors, rejected, rejected_avoidance: None }
    }

    /// The avoidance of the rejected answers.
    ///
    /// # Panics
    /// If the group has none.
    pub(crate) fn avoidance(&self) -> Tensor<1> {
        self.rejected_avoidance.clone().expect("this objective needs the avoidance of the rejected answers")
    }

    /// `[batch, k]`.
    ///
    /// # Panics
    /// If the tensors disagree about `batch` or `k`, or if either is zero.
    pub fn dims(&self) -> [usize; 2] {
        let [batch, k] = self.anchors.policy.dims();
        assert!(batch > 0 && k > 0, "a group needs at least one row and one anchor");
        assert_shape!(self.anchors.reference, [batch, k]);
        assert_shape!(self.anchors.tokens, [batch, k]);
        assert_shape!(self.rejected.policy, [batch]);
        assert_shape!(self.rejected.reference, [batch]);
        assert_shape!(self.rejected.tokens, [batch]);
        if let Some(avoidance) = &self.rejected_avoidance {
            assert_shape!(avoidance, [batch]);
        }
        [batch, k]
    }

    /// The same values as constants, on the device without autodiff.
    pub fn detached(&self) -> Self {
        Self {
            anchors: self.anchors.detached(),
            rejected: self.rejected.detached(),
            rejected_avoidance: self.rejected_avoidance.clone().map(Tensor::without_autodiff),
        }
    }
}
