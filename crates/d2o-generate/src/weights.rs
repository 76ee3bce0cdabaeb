//! Type of the weights while answers are drawn.

use d2o_model::{CausalLm, Precision};
use serde::{Deserialize, Serialize};

/// Type of the weights while answers are drawn. In a run file: `device.sampling`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplingWeights {
    /// Rounded to bf16 where the backend has kernels for it: half the bytes, several times the speed.
    #[default]
    Bf16,
    /// The weights as they are.
    F32,
}

impl SamplingWeights {
    /// `model` as the sampler gets it.
    #[must_use]
    pub fn of(self, model: &CausalLm) -> CausalLm {
        match self {
            Self::Bf16 => model.for_sampling(),
            Self::F32 => model.clone().with_precision(Precision::F32),
        }
    }
}
