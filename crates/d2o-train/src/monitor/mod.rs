//! What a run measures on the way, and the stop rules that read it.

mod evaluation;
mod validation;

use d2o_model::responses::Chunking;
use d2o_model::{CausalLm, Precision};

pub use evaluation::{Evaluate, EvaluationResult, PeriodicEvaluation};
pub use validation::ValidationSet;

use crate::error::TrainError;
use crate::stop::{RuleCheck, StopRules, StopState};
use d2o_record::{Event, Observers};

/// What is measured while a run trains. Nothing of it changes a weight, unless a rule ends the run.
#[derive(Default)]
pub(crate) struct Monitor<'a> {
    /// What ends the run early.
    pub(crate) stop: StopRules,
    /// Ordinary prompts with good answers.
    pub(crate) validation: ValidationSet,
    /// Held-out rejected answers.
    pub(crate) negatives: ValidationSet,
    /// Held-out requests.
    pub(crate) evaluation: Option<PeriodicEvaluation<'a>>,
}

impl Monitor<'_> {
    /// Measures the base on the validation set, where a rule compares with it.
    pub(crate) fn measure_base(&self, base: &CausalLm, chunking: Chunking, state: &mut StopState) {
        if self.stop.needs_validation() && state.base.is_none() {
            state.base = Some(self.validation.measure(&base.frozen(), chunking));
        }
    }

    /// Whether the validation sets are measured after `step`.
    pub(crate) fn validates_after(&self, step: usize) -> bool {
        let needed = self.stop.needs_validation() || !self.negatives.is_empty();
        needed && self.stop.check_every > 0 && step.is_multiple_of(self.stop.check_every)
    }

    /// Whether held-out requests are asked after `step`, the `last` one among them.
    pub(crate) fn evaluates_after(&self, step: usize, last: bool) -> bool {
        self.evaluation.as_ref().is_some_and(|evaluation| last || step.is_multiple_of(evaluation.every.max(1)))
    }

    /// Measures the validation sets and holds the rules against them.
    pub(crate) fn validate(
        &self,
        policy: &CausalLm,
        chunking: Chunking,
        step: usize,
        state: &mut StopState,
        observers: &mut Observers,
    ) -> Result<(), TrainError> {
        if !self.negatives.is_empty() {
            let nll = self.negatives.measure(&policy.frozen(), chunking).nll;
            if let Some(check) = self.stop.negatives(state, nll) {
                apply(check, step, state, observers)?;
            }
        }
        if !self.stop.needs_validation() {
            return Ok(());
        }
        let now = self.validation.measure(&policy.frozen(), chunking);
        for check in self.stop.validation(state, now) {
            apply(check, step, state, observers)?;
        }
        Ok(())
    }

    /// Asks held-out requests and holds the rule against the harm of the answers; after the `last` step there is
    /// nothing left to stop.
    pub(crate) fn evaluate(
        &self,
        policy: &CausalLm,
        step: usize,
        last: bool,
        state: &mut StopState,
        observers: &mut Observers,
    ) -> Result<(), TrainError> {
        let Some(evaluation) = &self.evaluation else {
            return Ok(());
        };
        let EvaluationResult { answers, figures } =
            (evaluation.evaluate)(&policy.frozen().with_precision(Precision::F32))?;
        let harm = figures.get(&evaluation.harm).copied().filter(|_| !last);
        observers.emit(&Event::Evaluated { step, answers, figures })?;
        if let Some(check) = harm.and_then(|harm| self.stop.harm(state, harm)) {
            apply(check, step, state, observers)?;
        }
        Ok(())
    }

    /// Holds the rule against how far the anchors fell in `step`.
    pub(crate) fn anchors_fell(
        &self,
        fall_per_token: f64,
        step: usize,
        state: &mut StopState,
        observers: &mut Observers,
    ) -> Result<(), TrainError> {
        match self.stop.anchors(state, fall_per_token) {
            Some(check) => apply(check, step, state, observers),
            None => Ok(()),
        }
    }
}

/// Tells a rule's check, and stops the run if it tripped.
fn apply(check: RuleCheck, step: usize, state: &mut StopState, observers: &mut Observers) -> Result<(), TrainError> {
    let RuleCheck { rule, value, limit, tripped } = check;
    observers.emit(&Event::Guard { step, name: rule.to_owned(), value, limit, tripped })?;
    if tripped && state.stopped.is_none() {
        let reason = format!("{rule}: {value:.4} is past the limit of {limit}");
        observers.emit(&Event::Stopped { step, reason: reason.clone() })?;
        state.stopped = Some(reason);
    }
    Ok(())
}
