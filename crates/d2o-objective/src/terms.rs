//! Objectives as sums of links of linear combinations, as data.

use crate::linear::{Coupling, Linear, Operand};
use crate::link::Link;
use crate::{Coefficient, ObjectiveConfig};
use Coefficient::{PerToken, Summed};

/// A term of pairs on log-ratios: the starting point that the functions below vary.
const PAIR: Linear = Linear {
    operand: Operand::LogRatio,
    anchor: Summed(0.0),
    rejected: Summed(0.0),
    offset: 0.0,
    link: Link::LogSigmoid { smoothing: 0.0 },
    scale: 1.0,
    coupling: Coupling::Pair,
};

/// The same with the mean over anchors inside the link.
const GROUP: Linear = Linear { coupling: Coupling::Group, ..PAIR };

/// `link(β(Δ_w − Δ_l))`.
const fn margin(beta: f64, link: Link) -> Linear {
    Linear { anchor: Summed(beta), rejected: Summed(-beta), link, ..PAIR }
}

/// `link(c Δ_w)`.
const fn on_anchors(c: f64, link: Link) -> Linear {
    Linear { anchor: Summed(c), link, ..PAIR }
}

/// `link(c Δ_l)`.
const fn on_rejected(c: f64, link: Link) -> Linear {
    Linear { rejected: Summed(c), link, ..GROUP }
}

/// `−a s_w / len_w`.
const fn likelihood(a: f64) -> Linear {
    Linear { operand: Operand::Policy, anchor: PerToken(1.0), link: Link::Identity, scale: a, ..GROUP }
}

const LOGISTIC: Link = Link::LogSigmoid { smoothing: 0.0 };

impl ObjectiveConfig {
    /// The loss's linear terms; their sum is the loss, but for the part that [`curve`](Self::curve)
    /// holds. The first carries what the diagnostics show.
    pub(crate) fn terms(&self) -> Vec<Linear> {
        let terms = match self {
            Self::D2o { .. }
            | Self::Npo { .. }
            | Self::GradientAscent {}
            | Self::SimNpo { .. }
            | Self::Unlikelihood {}
            | Self::Sft {} => vec![self.of_groups()],
            Self::Slic { .. } | Self::Kto { .. } | Self::Rpo { .. } | Self::Cpo { .. } | Self::CalDpo { .. } => {
                self.of_sums()
            }
            Self::NcaPair { .. }
            | Self::BcoPair { .. }
            | Self::SppoHard { .. }
            | Self::ApoZero { .. }
            | Self::ApoDown { .. } => self.of_sides(),
            Self::Orpo { .. } => vec![likelihood(1.0)],
            Self::Dpop { .. } | Self::Aot { .. } | Self::AotUnpaired { .. } | Self::FDpo { .. } => Vec::new(),
            _ => vec![self.of_pairs()],
        };
        terms.into_iter().filter(|term| term.scale != 0.0).collect()
    }

    /// The terms of an objective that adds something to a preference.
    fn of_sums(&self) -> Vec<Linear> {
        match *self {
            Self::Slic { delta, lambda } => vec![
                Linear { operand: Operand::Policy, ..margin(1.0, Link::Hinge { margin: delta }) },
                Linear { anchor: Summed(1.0), ..likelihood(lambda) },
            ],
            Self::Kto { beta, desirable, undesirable, reference_point: z } => vec![
                Linear { offset: beta * z, scale: undesirable, ..on_rejected(-beta, Link::Miss) },
                Linear { offset: -beta * z, scale: desirable, ..on_anchors(beta, Link::Miss) },
            ],
            Self::Rpo { beta, nll_weight } => vec![margin(beta, LOGISTIC), likelihood(nll_weight)],
            Self::Cpo { beta, nll_weight } => {
                vec![Linear { operand: Operand::Policy, ..margin(beta, LOGISTIC) }, likelihood(nll_weight)]
            }
            Self::CalDpo { beta } => {
                let link = Link::Square { target: 0.5 / beta };
                let half = |term: Linear| Linear { scale: 0.5, ..term };
                vec![margin(1.0, LOGISTIC), half(on_anchors(1.0, link)), half(on_rejected(-1.0, link))]
            }
            _ => unreachable!("only for objectives of several terms"),
        }
    }

    /// The terms of an objective that judges rejected answer and anchors apart; the rejected answer's first.
    fn of_sides(&self) -> Vec<Linear> {
        match *self {
            Self::NcaPair { beta } => vec![
                Linear { scale: 0.5, ..on_rejected(-beta, LOGISTIC) },
                on_anchors(beta, LOGISTIC),
                Linear { scale: 0.5, ..on_anchors(-beta, LOGISTIC) },
            ],
            Self::BcoPair { beta } => vec![on_rejected(-beta, LOGISTIC), on_anchors(beta, LOGISTIC)],
            Self::SppoHard { beta } => {
                let link = Link::Square { target: 0.5 / beta };
                vec![on_rejected(-1.0, link), on_anchors(1.0, link)]
            }
            Self::ApoZero { beta } => vec![on_rejected(-beta, Link::Miss), on_anchors(beta, Link::Miss)],
            Self::ApoDown { beta } => vec![margin(beta, Link::Miss), on_anchors(-beta, Link::Miss)],
            _ => unreachable!("only for objectives that judge the two sides"),
        }
    }

    /// The only term of an objective whose mean over anchors is inside the link.
    fn of_groups(&self) -> Linear {
        match *self {
            Self::D2o { beta, alpha } => Linear { anchor: Summed(beta), rejected: Summed(-alpha), ..GROUP },
            Self::Npo { beta } => Linear { scale: 2.0 / beta, ..on_rejected(-beta, LOGISTIC) },
            Self::GradientAscent {} => {
                Linear { operand: Operand::Policy, rejected: PerToken(-1.0), link: Link::Identity, ..GROUP }
            }
            Self::SimNpo { beta, gamma } => Linear {
                operand: Operand::Policy,
                rejected: PerToken(-beta),
                offset: -beta * gamma,
                scale: 2.0 / beta,
                ..GROUP
            },
            Self::Unlikelihood {} => {
                Linear { operand: Operand::Avoidance, rejected: Summed(1.0), link: Link::Identity, ..GROUP }
            }
            Self::Sft {} => likelihood(1.0),
            _ => unreachable!("only for objectives of one argument per group"),
        }
    }

    /// The only term of an objective that is one link of one argument per pair.
    fn of_pairs(&self) -> Linear {
        let per_token = |term: Linear, c: f64| Linear { anchor: PerToken(c), rejected: PerToken(-c), ..term };
        match *self {
            Self::Dpo { beta, label_smoothing: smoothing } => margin(beta, Link::LogSigmoid { smoothing }),
            Self::Hinge { beta } => margin(beta, Link::Hinge { margin: 1.0 }),
            Self::Robust { beta, label_smoothing: smoothing } => margin(beta, Link::Unbiased { smoothing }),
            Self::ExoPair { beta, label_smoothing: smoothing } => margin(beta, Link::ReverseKl { smoothing }),
            Self::Discopop { beta, tau } => margin(beta, Link::Modulated { tau }),
            Self::Ipo { tau } => per_token(margin(1.0, Link::Square { target: 0.5 / tau }), 1.0),
            Self::SigmoidNorm { beta } => per_token(margin(beta, LOGISTIC), beta),
            Self::SimPo { beta, gamma } => {
                Linear { operand: Operand::Policy, offset: -gamma, ..per_token(margin(beta, LOGISTIC), beta) }
            }
            _ => unreachable!("only for objectives of one argument per pair"),
        }
    }
}
