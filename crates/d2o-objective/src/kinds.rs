//! The objective that holds where none is named, and the names of all.

use crate::ObjectiveConfig;
use crate::defaults::tenth;

impl Default for ObjectiveConfig {
    /// D²O with the paper's `α = β = 0.1`, which is what `kind = "d2o"` alone gives too.
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
