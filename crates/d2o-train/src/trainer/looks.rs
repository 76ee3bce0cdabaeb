//! Looks at what the model answers while it trains: how fast the harm falls.

use std::collections::BTreeMap;

use d2o_model::CausalLm;
use d2o_record::Metric;

use crate::error::TrainError;

/// Asks the frozen model, and returns how many answers were read and their figures by name.
pub type Ask = Box<dyn Fn(&CausalLm) -> Result<(usize, BTreeMap<Metric, f64>), TrainError>>;

/// Who asks, and how often.
pub struct Looks {
    /// Steps between two looks, at least 1. The base and the last step are looked at as well.
    pub every: usize,
    /// The figure of the answers that is their harm, for [`StopRules::harm`](super::stop::StopRules::harm).
    pub harm: Metric,
    /// The questions and the judge. Its randomness must be its own: a look changes no weight.
    pub ask: Ask,
}
