//! Objectives whose argument of `log σ` is no linear function of the scores.

use burn::tensor::Tensor;

use crate::avoidance::{log_one_minus_exp, one_minus_exp};
use crate::divergence::Divergence;
use crate::link::Link;
use crate::log_sigmoid::negative;
use crate::quantiles::matching;
use crate::{Group, ObjectiveConfig, ScoreGradients};

/// `scale · [−(1−ε) log σ(h) − ε log σ(−h)]`, one `h` per pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Curve {
    shape: Shape,
    smoothing: f64,
    scale: f64,
}

/// How `h` follows from the scores; `m = s/len`.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// `β[Δ_w − Δ_l − λ max(0, −Δ_w)]`.
    Penalised { beta: f64, lambda: f64 },
    /// `logit exp(m_w) − logit exp(m_l)`.
    Odds,
    /// `β[g(Δ_w) − g(Δ_l)]`.
    Divergence { beta: f64, divergence: Divergence },
    /// `β[(s_w − s_l) − the reference's margin at the same quantile]`.
    MarginQuantiles { beta: f64 },
    /// `β[Δ_w − the rejected answers' log-ratio at the same quantile]`.
    RatioQuantiles { beta: f64 },
}

/// One number for each pair on both sides, `[batch, k]`; the rejected answer stands beside every anchor.
struct Sides {
    anchors: Tensor<2>,
    rejected: Tensor<2>,
}

impl ObjectiveConfig {
    /// The part of the loss that [`terms`](Self::terms) cannot hold, if there is one.
    pub(crate) fn curve(&self) -> Option<Curve> {
        let plain = |shape| Curve { shape, smoothing: 0.0, scale: 1.0 };
        let curve = match *self {
            Self::Dpop { beta, lambda } => plain(Shape::Penalised { beta, lambda }),
            Self::Orpo { beta } => Curve { scale: beta, ..plain(Shape::Odds) },
            Self::FDpo { beta, divergence } => plain(Shape::Divergence { beta, divergence }),
            Self::Aot { beta, label_smoothing: smoothing } => {
                Curve { smoothing, ..plain(Shape::MarginQuantiles { beta }) }
            }
            Self::AotUnpaired { beta, label_smoothing: smoothing } => {
                Curve { smoothing, ..plain(Shape::RatioQuantiles { beta }) }
            }
            _ => return None,
        };
        Some(curve)
    }
}

impl Curve {
    fn link(self) -> Link {
        Link::LogSigmoid { smoothing: self.smoothing }
    }

    /// The argument `h` of each pair, `[batch, k]`.
    pub(crate) fn argument(self, group: &Group) -> Tensor<2> {
        match self.shape {
            Shape::Penalised { beta, lambda } => {
                let ratio = group.anchors.log_ratio();
                let shortfall = negative(&ratio) * ratio.clone();
                (ratio - beside(group, group.rejected.log_ratio()) + shortfall.mul_scalar(lambda)).mul_scalar(beta)
            }
            Shape::Odds => {
                let logit = |m: Tensor<2>| m.clone() - log_one_minus_exp(m);
                let Sides { anchors, rejected } = per_token(group);
                logit(anchors) - logit(rejected)
            }
            Shape::Divergence { beta, divergence } => {
                let rejected = divergence.link(beside(group, group.rejected.log_ratio()));
                (divergence.link(group.anchors.log_ratio()) - rejected).mul_scalar(beta)
            }
            Shape::MarginQuantiles { beta } => {
                let (policy, reference) = margins(group);
                let partner = transported(&policy, &reference, reference.clone());
                (policy - partner).mul_scalar(beta)
            }
            Shape::RatioQuantiles { beta } => {
                let anchors = group.anchors.log_ratio();
                let rejected = beside(group, group.rejected.log_ratio());
                let partner = transported(&anchors, &rejected, rejected.clone());
                (anchors - partner).mul_scalar(beta)
            }
        }
    }

    /// The loss of each pair, in the shape of `h`.
    pub(crate) fn loss(self, h: Tensor<2>) -> Tensor<2> {
        self.link().loss(h).mul_scalar(self.scale)
    }

    /// `−∂link/∂h` at each `h`, for the diagnostics.
    pub(crate) fn weight(self, h: Tensor<2>) -> Tensor<2> {
        self.link().weight(h)
    }

    /// `∂loss/∂s` of every response of a detached group.
    pub(crate) fn score_gradients(self, group: &Group) -> ScoreGradients {
        let w = self.weight(self.argument(group)).mul_scalar(self.scale);
        let [_, k] = w.dims();
        let Sides { anchors, rejected } = self.pulled_back(group, w);
        ScoreGradients { anchors: anchors.neg().div_scalar(k as f64), rejected: rejected.mean_dim(1).squeeze_dim(1) }
    }

    /// `w · ∂h/∂s_w` and `−w · ∂h/∂s_l` of each pair, `[batch, k]`.
    fn pulled_back(self, group: &Group, w: Tensor<2>) -> Sides {
        match self.shape {
            Shape::Penalised { beta, lambda } => {
                let pull = w.mul_scalar(beta);
                // ∂/∂Δ_w of the margin is 1, or 1 + λ where the anchor has lost likelihood.
                let rate = negative(&group.anchors.log_ratio()).mul_scalar(lambda).add_scalar(1.0);
                Sides { anchors: pull.clone() * rate, rejected: pull }
            }
            Shape::Odds => {
                // The logit's derivative at log p is 1/(1 − p).
                let derivative = |m: Tensor<2>, tokens: Tensor<2>| (one_minus_exp(m) * tokens.clamp_min(1.0)).recip();
                let Sides { anchors, rejected } = per_token(group);
                let lengths = beside(group, group.rejected.tokens.clone());
                Sides {
                    anchors: w.clone() * derivative(anchors, group.anchors.tokens.clone()),
                    rejected: w * derivative(rejected, lengths),
                }
            }
            Shape::Divergence { beta, divergence } => {
                let pull = w.mul_scalar(beta);
                let rejected = divergence.derivative(beside(group, group.rejected.log_ratio()));
                Sides {
                    anchors: pull.clone() * divergence.derivative(group.anchors.log_ratio()),
                    rejected: pull * rejected,
                }
            }
            Shape::MarginQuantiles { beta } => {
                let pull = w.mul_scalar(beta);
                Sides { anchors: pull.clone(), rejected: pull }
            }
            Shape::RatioQuantiles { beta } => {
                let pull = w.mul_scalar(beta);
                let rejected = beside(group, group.rejected.log_ratio());
                let partner = transported(&rejected, &group.anchors.log_ratio(), pull.clone());
                Sides { anchors: pull, rejected: partner }
            }
        }
    }
}

/// `[batch]` → `[batch, k]`: the rejected answer repeated beside every anchor.
fn beside(group: &Group, rejected: Tensor<1>) -> Tensor<2> {
    let [batch, k] = group.anchors.policy.dims();
    rejected.unsqueeze_dim::<2>(1).expand([batch, k])
}

/// Log-probabilities per token of anchors and rejected answers, `[batch, k]`.
fn per_token(group: &Group) -> Sides {
    let lengths = |tokens: &Tensor<2>| tokens.clone().without_autodiff().clamp_min(1.0);
    let rejected = beside(group, group.rejected.tokens.clone());
    Sides {
        anchors: group.anchors.policy.clone() / lengths(&group.anchors.tokens),
        rejected: beside(group, group.rejected.policy.clone()) / lengths(&rejected),
    }
}

/// The policy's and the reference's margins `s_w − s_l`, `[batch, k]`; the second is a constant.
fn margins(group: &Group) -> (Tensor<2>, Tensor<2>) {
    let reference = group.anchors.reference.clone() - beside(group, group.rejected.reference.clone());
    (group.anchors.policy.clone() - beside(group, group.rejected.policy.clone()), reference.without_autodiff())
}

/// `values`, which stand beside `b`, moved to where `a` has the same ranks; over all pairs of the batch.
fn transported(a: &Tensor<2>, b: &Tensor<2>, values: Tensor<2>) -> Tensor<2> {
    let [batch, k] = a.dims();
    let flat = |t: &Tensor<2>| t.clone().reshape([(batch * k) as i64]);
    let plan = matching(&flat(a), &flat(b));
    plan.matmul(flat(&values).unsqueeze_dim(1)).reshape([batch as i64, k as i64])
}
