//! The objectives a run file can ask for.

use serde::{Deserialize, Serialize};

use crate::Divergence;
use crate::defaults::{fifty, five_halves, half, one, tenth, thousandth, three_tenths, twentieth, two};

/// Which loss to minimise, with exactly the knobs that this loss has.
///
/// Notation: `Δ = s_θ − s_ref` is a summed log-ratio in nats, `s` a summed policy log-probability
/// in nats, `len` a response length in tokens; `_w` is an anchor, `_l` the rejected answer. Losses
/// that pair a chosen with a rejected answer pair *each* anchor with the rejected answer and average
/// over the `k` anchors; a single anchor gives the published form. Names are TRL's where it has one.
///
/// In a run file: `kind = "d2o"` and so on, beside the fields. A field that the kind does not have
/// is refused; one that is left out takes the default named below.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ObjectiveConfig {
    /// Distributional dispreference optimization, arXiv 2403.03419:
    /// `−log σ(h)`, `h = (β/k) Σ_i Δ_w,i − α Δ_l`. The mean over anchors is inside the link.
    D2o {
        /// Strength of the anchors, per nat. Default 0.1. 0: anchors are ignored.
        #[serde(default = "tenth")]
        beta: f64,
        /// Strength of the rejected answer, per nat. Default 0.1. 0: it is ignored.
        #[serde(default = "tenth")]
        alpha: f64,
    },
    /// Direct preference optimization, arXiv 2305.18290:
    /// `−(1−ε) log σ(z) − ε log σ(−z)`, `z = β(Δ_w − Δ_l)`.
    Dpo {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `ε`, the share of pairs taken to be labelled the wrong way round, below ½. Default 0.
        #[serde(default)]
        label_smoothing: f64,
    },
    /// Supervised training on the anchors: `−(1/k) Σ_i s_w,i / len_w,i`, nats per token.
    Sft {},
    /// Negative preference optimization, arXiv 2404.05868: `−(2/β) log σ(−β Δ_l)`.
    Npo {
        /// Strength of the log-ratio, per nat; towards 0 it becomes gradient ascent. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
    /// Gradient ascent on the rejected answer's likelihood: `+s_l / len_l`, nats per token.
    GradientAscent {},
    /// Identity preference optimization, arXiv 2310.12036, on log-ratios per token:
    /// `(Δ_w/len_w − Δ_l/len_l − 1/(2τ))²`.
    Ipo {
        /// `τ`: the margin aimed at is `1/(2τ)` nats per token. Default 0.1.
        #[serde(default = "tenth")]
        tau: f64,
    },
    /// SLiC-HF, arXiv 2305.10425: `max(0, δ − s_w + s_l) − λ s_w`.
    Slic {
        /// `δ`, the margin in nats. Default 1.
        #[serde(default = "one")]
        delta: f64,
        /// `λ`, weight of the likelihood term. Default 0.1. 0: hinge only.
        #[serde(default = "tenth")]
        lambda: f64,
    },
    /// SimPO, arXiv 2405.14734: `−log σ(β s_w/len_w − β s_l/len_l − γ)`. No reference.
    #[serde(rename = "simpo")]
    SimPo {
        /// Strength of the per-token log-probabilities. Default 2.
        #[serde(default = "two")]
        beta: f64,
        /// `γ`, the margin aimed at, dimensionless. Default 0.5.
        #[serde(default = "half")]
        gamma: f64,
    },
    /// KTO, arXiv 2402.01306: `(λ_D/k) Σ_i (1 − σ(β(Δ_w,i − z₀))) + λ_U (1 − σ(β(z₀ − Δ_l)))`.
    ///
    /// The paper estimates `z₀` on every batch from mismatched pairs. A group holds none, so `z₀`
    /// is given, and constant; 0 is the floor of the paper's estimate.
    Kto {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `λ_D`, weight of the anchors. Default 1. 0: anchors are ignored.
        #[serde(default = "one")]
        desirable: f64,
        /// `λ_U`, weight of the rejected answer. Default 1. 0: it is ignored.
        #[serde(default = "one")]
        undesirable: f64,
        /// `z₀ ≥ 0`, in nats: `max(0, mean Δ over mismatched pairs)`. Default 0.
        #[serde(default)]
        reference_point: f64,
    },
    /// SimNPO, arXiv 2410.07163: `−(2/β) log σ(β(−s_l/len_l − γ))`. No reference.
    #[serde(rename = "simnpo")]
    SimNpo {
        /// Strength of the per-token log-probability. Default 2.5.
        #[serde(default = "five_halves")]
        beta: f64,
        /// `γ`, in nats per token, inside the product with `β`. Default 0.
        #[serde(default)]
        gamma: f64,
    },
    /// DPO with the anchors' likelihood beside it: `DPO − a s_w / len_w`, arXiv 2404.19733.
    Rpo {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `a`, weight of the likelihood term. Default 1. 0: DPO.
        #[serde(default = "one")]
        nll_weight: f64,
    },
    /// DPO-positive, arXiv 2402.13228: `−log σ(β[Δ_w − Δ_l − λ max(0, −Δ_w)])`.
    Dpop {
        /// Strength of the log-ratios, per nat. Default 0.3.
        #[serde(default = "three_tenths")]
        beta: f64,
        /// `λ`, penalty on an anchor less likely than under the reference. Default 50. 0: DPO.
        #[serde(default = "fifty")]
        lambda: f64,
    },
    /// Cal-DPO, arXiv 2412.14516:
    /// `−log σ(Δ_w − Δ_l) + ½[(Δ_w − 1/(2β))² + (Δ_l + 1/(2β))²]`.
    CalDpo {
        /// `β`: the log-ratios are calibrated to `±1/(2β)` nats. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },

    /// Unlikelihood training on the rejected answer, arXiv 1908.04319: `−Σ_t log(1 − p(y_l,t))`, nats.
    ///
    /// The one loss that looks at single tokens: a group must bring its
    /// [`rejected_avoidance`](crate::Group::rejected_avoidance).
    Unlikelihood {},
    /// The hinge of SLiC on log-ratios, arXiv 2309.06657: `max(0, 1 − β(Δ_w − Δ_l))`.
    Hinge {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
    /// DPO made unbiased under label noise, arXiv 2403.00409:
    /// `[−(1−ε) log σ(z) + ε log σ(−z)] / (1−2ε)`, `z = β(Δ_w − Δ_l)`.
    Robust {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `ε`, the share of pairs labelled the wrong way round, below ½. Default 0.1. 0: DPO.
        #[serde(default = "tenth")]
        label_smoothing: f64,
    },
    /// Exact preference optimization on pairs, arXiv 2402.00856, `z = β(Δ_w − Δ_l)`:
    /// `σ(z)(log σ(z) − log(1−ε)) + σ(−z)(log σ(−z) − log ε)`.
    ExoPair {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `ε`, above 0 and below ½: the probability left to the rejected answer. Default 0.001.
        #[serde(default = "thousandth")]
        label_smoothing: f64,
    },
    /// Noise-contrastive alignment on pairs, arXiv 2402.05369:
    /// `−log σ(βΔ_w) − ½ log σ(−βΔ_w) − ½ log σ(−βΔ_l)`.
    NcaPair {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
    /// Binary-classifier optimization on pairs, arXiv 2404.04656, without its reward shift:
    /// `−log σ(βΔ_w) − log σ(−βΔ_l)`.
    BcoPair {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
    /// Self-play preference optimization with hard labels, arXiv 2405.00675:
    /// `(Δ_w − 1/(2β))² + (Δ_l + 1/(2β))²`.
    SppoHard {
        /// `β`: the log-ratios aim at `±1/(2β)` nats. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
    /// Anchored preference optimization for answers better than the model's, arXiv 2408.06266:
    /// `1 − σ(βΔ_w) + σ(βΔ_l)`.
    ApoZero {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
    /// The same for answers worse than the model's: `σ(βΔ_w) + 1 − σ(β(Δ_w − Δ_l))`.
    ApoDown {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
    /// DiscoPOP, arXiv 2406.08414, `z = β(Δ_w − Δ_l)`:
    /// `−(1 − σ(z/τ)) log σ(z) + σ(z/τ) exp(−z)`.
    Discopop {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `τ`, width of the change from one branch to the other, above 0 and below 1. Default 0.05.
        #[serde(default = "twentieth")]
        tau: f64,
    },
    /// DPO on log-ratios per token: `−log σ(β(Δ_w/len_w − Δ_l/len_l))` (`sigmoid_norm` in TRL).
    SigmoidNorm {
        /// Strength of the per-token log-ratios. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
    /// Alignment by optimal transport, paired, arXiv 2406.05882: the smoothed DPO link of
    /// `β[(s_w − s_l) − (the reference's margin of the same rank in the batch)]`.
    Aot {
        /// Strength of the margins, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `ε` as in DPO. Default 0.
        #[serde(default)]
        label_smoothing: f64,
    },
    /// The same, unpaired: `β[Δ_w − (the rejected answers' log-ratio of the same rank in the batch)]`.
    AotUnpaired {
        /// Strength of the log-ratios, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `ε` as in DPO. Default 0.
        #[serde(default)]
        label_smoothing: f64,
    },
    /// DPO for another divergence than reverse KL, arXiv 2309.16240: `−log σ(β[g(Δ_w) − g(Δ_l)])`.
    FDpo {
        /// Strength, per unit of `g`. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// Which divergence, and so which `g`. Default: the forward one.
        #[serde(default)]
        divergence: Divergence,
    },
    /// Contrastive preference optimization, arXiv 2401.08417: `−log σ(β(s_w − s_l)) − a s_w/len_w`.
    /// No reference.
    Cpo {
        /// Strength of the scores, per nat. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
        /// `a`, weight of the likelihood term. Default 1. 0: preference only.
        #[serde(default = "one")]
        nll_weight: f64,
    },
    /// Odds-ratio preference optimization, arXiv 2403.07691, with `p = exp(s/len)`:
    /// `−s_w/len_w − β log σ(log p_w/(1−p_w) − log p_l/(1−p_l))`. No reference.
    Orpo {
        /// Weight of the odds ratio beside the likelihood. Default 0.1.
        #[serde(default = "tenth")]
        beta: f64,
    },
}
