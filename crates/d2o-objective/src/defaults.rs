//! Names and default hyperparameters.

use crate::ObjectiveConfig;

impl Default for ObjectiveConfig {
    /// D²O with the paper's `α = β = 0.1`.
    fn default() -> Self {
        Self::D2o { beta: tenth(), alpha: tenth() }
    }
}

impl ObjectiveConfig {
    /// Every value that `kind` can take in a run file.
    pub const KINDS: &[&str] = &[
        "d2o",
        "dpo",
        "sft",
        "npo",
        "gradient_ascent",
        "ipo",
        "slic",
        "simpo",
        "kto",
        "simnpo",
        "rpo",
        "dpop",
        "cal_dpo",
        "unlikelihood",
        "hinge",
        "robust",
        "exo_pair",
        "nca_pair",
        "bco_pair",
        "sppo_hard",
        "apo_zero",
        "apo_down",
        "discopop",
        "sigmoid_norm",
        "aot",
        "aot_unpaired",
        "f_dpo",
        "cpo",
        "orpo",
    ];

    /// The value of `kind` in a run file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::D2o { .. } => "d2o",
            Self::Dpo { .. } => "dpo",
            Self::Sft {} => "sft",
            Self::Npo { .. } => "npo",
            Self::GradientAscent {} => "gradient_ascent",
            Self::Ipo { .. } => "ipo",
            Self::Slic { .. } => "slic",
            Self::SimPo { .. } => "simpo",
            Self::Kto { .. } => "kto",
            Self::SimNpo { .. } => "simnpo",
            Self::Rpo { .. } => "rpo",
            Self::Dpop { .. } => "dpop",
            Self::CalDpo { .. } => "cal_dpo",
            Self::Unlikelihood {} => "unlikelihood",
            Self::Hinge { .. } => "hinge",
            Self::Robust { .. } => "robust",
            Self::ExoPair { .. } => "exo_pair",
            Self::NcaPair { .. } => "nca_pair",
            Self::BcoPair { .. } => "bco_pair",
            Self::SppoHard { .. } => "sppo_hard",
            Self::ApoZero { .. } => "apo_zero",
            Self::ApoDown { .. } => "apo_down",
            Self::Discopop { .. } => "discopop",
            Self::SigmoidNorm { .. } => "sigmoid_norm",
            Self::Aot { .. } => "aot",
            Self::AotUnpaired { .. } => "aot_unpaired",
            Self::FDpo { .. } => "f_dpo",
            Self::Cpo { .. } => "cpo",
            Self::Orpo { .. } => "orpo",
        }
    }
}

pub(crate) fn thousandth() -> f64 {
    0.001
}

pub(crate) fn twentieth() -> f64 {
    0.05
}

pub(crate) fn tenth() -> f64 {
    0.1
}

pub(crate) fn three_tenths() -> f64 {
    0.3
}

pub(crate) fn half() -> f64 {
    0.5
}

pub(crate) fn one() -> f64 {
    1.0
}

pub(crate) fn two() -> f64 {
    2.0
}

pub(crate) fn five_halves() -> f64 {
    2.5
}

pub(crate) fn fifty() -> f64 {
    50.0
}
