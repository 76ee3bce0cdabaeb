//! How anchors are drawn.

use super::check::DraftCheck;
use crate::SamplerConfig;
use serde::{Deserialize, Serialize};

/// How anchors are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorConfig {
    /// How each draft is drawn.
    pub sampler: SamplerConfig,
    /// Which drafts are thrown away.
    pub check: DraftCheck,
    /// Most redraws per slot after its first draft. 0 takes the first draft or none. Greedy
    /// drafts are never redrawn, since they would come out the same.
    pub redraws: usize,
}

impl Default for AnchorConfig {
    fn default() -> Self {
        Self { sampler: SamplerConfig::default(), check: DraftCheck::default(), redraws: 3 }
    }
}
