//! Periodic evaluation: answers to held-out requests while training goes on, and how fast the harm falls.

use std::collections::BTreeMap;

use d2o_model::CausalLm;
use d2o_record::Metric;

use crate::error::TrainError;

/// What one evaluation of the policy found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationResult {
    /// Answers that were read.
    pub answers: usize,
    /// Figures of them by name, named as in `eval.json`.
    pub figures: BTreeMap<Metric, f64>,
}

/// Asks the frozen policy and reads its answers.
pub type Evaluate<'a> = Box<dyn Fn(&CausalLm) -> Result<EvaluationResult, TrainError> + 'a>;

/// An evaluation that is repeated while a run trains. It changes no weight.
pub struct PeriodicEvaluation<'a> {
    /// Steps between two evaluations, at least 1. The base and the last step are evaluated as well.
    pub every: usize,
    /// The figure that is the answers' harm, for [`StopRules::harm`](crate::stop::StopRules::harm).
    pub harm: Metric,
    /// The questions and the judge. Its randomness must be its own.
    pub evaluate: Evaluate<'a>,
}
