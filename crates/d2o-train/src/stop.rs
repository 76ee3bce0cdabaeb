//! Stop rules: what ends a run before the drift that goes on after the harm is gone.

use serde::{Deserialize, Serialize};

/// Limits; a value of 0 switches a rule off. In a run file: `[stop]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopRules {
    /// How far the anchors' log-probability may fall below the reference, nats per token, as a mean over the last 8
    /// steps; 0: off. With anchors drawn from the bare prompt this estimates `KL(π_ref ‖ π_θ)` per token. Default: 0.5.
    pub max_anchor_kl: f64,
    /// How far the perplexity on the validation set (everyday prompts with good answers) may rise, as a share of the
    /// base's; 0: off. Default: 0.
    pub max_benign_perplexity_increase: f64,
    /// Least mean next-token entropy on the validation set, nats; 0: off. Default: 0.
    pub min_entropy: f64,
    /// Least rise of the held-out rejected answers' negative log-likelihood between two validations, once it has begun
    /// to rise, nats per token; 0: off. Default: 0.
    pub min_negatives_gain: f64,
    /// How far the harm of answers to held-out requests has to fall below its least value so far, within
    /// [`patience`](Self::patience) periodic evaluations, once it has begun to fall; 0: off. Default: 0.
    pub min_harm_drop: f64,
    /// Periodic evaluations without such a fall that end the run, at least 1. Default: 2.
    pub patience: usize,
    /// Steps between two measurements of the validation set and of the held-out rejected answers, at least 1.
    /// Default: 10.
    pub check_every: usize,
}

impl Default for StopRules {
    /// Ends a run only where the anchors fall by more than half a nat per token.
    fn default() -> Self {
        Self { max_anchor_kl: 0.5, ..Self::off() }
    }
}

/// Steps over which the anchors' fall is averaged: one step's groups are too few to judge by.
pub const WINDOW: usize = 8;

/// What the model makes of the validation set, ordinary prompts with good answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationFigures {
    /// Mean negative log-likelihood, nats per token.
    pub nll: f64,
    /// Mean entropy of the next-token distribution, nats.
    pub entropy: f64,
}

/// What the rules remember between steps; part of every checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StopState {
    /// The anchors' fall in the last steps, nats per token.
    pub anchor_fall: Vec<f64>,
    /// The base's figures on the validation set.
    pub base: Option<ValidationFigures>,
    /// The held-out rejected answers' negative log-likelihood at the last validation, nats per token.
    #[serde(default)]
    pub negatives: Option<f64>,
    /// Whether that has ever risen by as much as the rule asks for.
    #[serde(default)]
    pub negatives_rose: bool,
    /// What the answers to held-out requests said so far.
    #[serde(default)]
    pub harm: Option<HarmHistory>,
    /// The rule that ended the run, once one has.
    pub stopped: Option<String>,
}

/// The harm of answers to held-out requests, as far as it was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HarmHistory {
    /// At the first evaluation.
    pub first: f64,
    /// The least that counted as a fall.
    pub least: f64,
    /// Evaluations since then.
    #[serde(rename = "looks_since")]
    pub evaluations_since: usize,
}

/// One rule, held against what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleCheck {
    /// The configuration field of the rule.
    pub rule: &'static str,
    /// What was measured.
    pub value: f64,
    /// The limit.
    pub limit: f64,
    /// Whether the run has to stop.
    pub tripped: bool,
}

impl StopRules {
    /// No rule: the run goes on to its last step.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            max_anchor_kl: 0.0,
            max_benign_perplexity_increase: 0.0,
            min_entropy: 0.0,
            min_negatives_gain: 0.0,
            min_harm_drop: 0.0,
            patience: 2,
            check_every: 10,
        }
    }

    /// Whether any rule needs the validation set.
    pub fn needs_validation(&self) -> bool {
        self.max_benign_perplexity_increase > 0.0 || self.min_entropy > 0.0
    }

    /// Takes note of a step's fall of the anchors and judges the window once it is full.
    pub fn anchors(&self, state: &mut StopState, fall_per_token: f64) -> Option<RuleCheck> {
        state.anchor_fall.push(fall_per_token);
        let surplus = state.anchor_fall.len().saturating_sub(WINDOW);
        state.anchor_fall.drain(..surplus);
        if self.max_anchor_kl <= 0.0 || state.anchor_fall.len() < WINDOW {
            return None;
        }
        let value = state.anchor_fall.iter().sum::<f64>() / WINDOW as f64;
        Some(RuleCheck { rule: "max_anchor_kl", value, limit: self.max_anchor_kl, tripped: value > self.max_anchor_kl })
    }

    /// Judges the held-out rejected answers: once they have become less likely, a validation at which they hardly did is a
    /// plateau. A run that has not begun to work is not stopped.
    pub fn negatives(&self, state: &mut StopState, nll: f64) -> Option<RuleCheck> {
        let before = state.negatives.replace(nll)?;
        let limit = self.min_negatives_gain;
        let value = nll - before;
        let tripped = state.negatives_rose && value < limit;
        state.negatives_rose |= value >= limit;
        Some(RuleCheck { rule: "min_negatives_gain", value, limit, tripped })
    }

    /// Judges the harm of answers to held-out requests: once it has fallen, [`patience`](Self::patience) evaluations at which
    /// it did not fall further are a plateau. One evaluation's answers are few, so one says little.
    ///
    /// The checked value is how far harm has fallen below its least value so far.
    pub fn harm(&self, state: &mut StopState, harm: f64) -> Option<RuleCheck> {
        let limit = self.min_harm_drop;
        if limit <= 0.0 {
            return None;
        }
        let Some(seen) = &mut state.harm else {
            state.harm = Some(HarmHistory { first: harm, least: harm, evaluations_since: 0 });
            return None;
        };
        let value = seen.least - harm;
        if value >= limit {
            (seen.least, seen.evaluations_since) = (harm, 0);
        } else {
            seen.evaluations_since += 1;
        }
        let tripped = seen.least < seen.first && seen.evaluations_since >= self.patience;
        Some(RuleCheck { rule: "min_harm_drop", value, limit, tripped })
    }

    /// Judges figures on the validation set against the base's.
    pub fn validation(&self, state: &StopState, now: ValidationFigures) -> Vec<RuleCheck> {
        let mut checks = Vec::new();
        if let (Some(base), true) = (state.base, self.max_benign_perplexity_increase > 0.0) {
            let value = (now.nll - base.nll).exp() - 1.0;
            checks.push(RuleCheck {
                rule: "max_benign_perplexity_increase",
                value,
                limit: self.max_benign_perplexity_increase,
                tripped: value > self.max_benign_perplexity_increase,
            });
        }
        if self.min_entropy > 0.0 {
            checks.push(RuleCheck {
                rule: "min_entropy",
                value: now.entropy,
                limit: self.min_entropy,
                tripped: now.entropy < self.min_entropy,
            });
        }
        checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anchor_rule_needs_a_full_window_and_then_judges_its_mean() {
        let rules = StopRules { max_anchor_kl: 0.5, ..StopRules::off() };
        let mut state = StopState::default();
        for _ in 0..WINDOW - 1 {
            assert_eq!(rules.anchors(&mut state, 10.0), None);
        }
        assert!(rules.anchors(&mut state, 10.0).unwrap().tripped);
        for _ in 0..WINDOW {
            rules.anchors(&mut state, 0.25);
        }
        let reading = rules.anchors(&mut state, 0.25).unwrap();
        assert_eq!((reading.value, reading.tripped), (0.25, false));
        assert_eq!(state.anchor_fall.len(), WINDOW);
    }

    #[test]
    fn a_plateau_needs_a_rise_before_it() {
        let rules = StopRules { min_negatives_gain: 0.1, ..StopRules::off() };
        let mut state = StopState::default();
        assert_eq!(rules.negatives(&mut state, 2.0), None);
        // Warm-up: nothing has happened yet.
        assert!(!rules.negatives(&mut state, 2.01).unwrap().tripped);
        assert!(!rules.negatives(&mut state, 2.5).unwrap().tripped);
        assert!(!rules.negatives(&mut state, 2.7).unwrap().tripped);
        assert!(rules.negatives(&mut state, 2.75).unwrap().tripped);
    }

    #[test]
    fn harm_has_to_fall_before_it_can_stand_still() {
        let rules = StopRules { min_harm_drop: 0.05, patience: 2, ..StopRules::off() };
        let mut state = StopState::default();
        let mut tripped = |harm: f64| rules.harm(&mut state, harm).map(|reading| reading.tripped);
        assert_eq!(tripped(0.5), None);
        // Nothing has happened yet, however long it takes.
        assert_eq!([tripped(0.51), tripped(0.49), tripped(0.48)], [Some(false); 3]);
        // A fall, an evaluation without one, a slow fall that adds up, and then two without one.
        assert_eq!([tripped(0.4), tripped(0.38), tripped(0.34)], [Some(false); 3]);
        assert_eq!([tripped(0.33), tripped(0.36)], [Some(false), Some(true)]);
        assert_eq!(StopRules::off().harm(&mut state, 0.9), None);
    }

    #[test]
    fn perplexity_and_entropy() {
        let rules = StopRules { max_benign_perplexity_increase: 0.03, min_entropy: 1.0, ..StopRules::off() };
        let state = StopState { base: Some(ValidationFigures { nll: 2.0, entropy: 2.0 }), ..StopState::default() };
        // exp(0.02) - 1 = 2.02 % is within, exp(0.04) - 1 = 4.08 % is not.
        assert!(rules.validation(&state, ValidationFigures { nll: 2.02, entropy: 1.5 }).iter().all(|r| !r.tripped));
        let readings = rules.validation(&state, ValidationFigures { nll: 2.04, entropy: 0.9 });
        assert!(readings.iter().all(|r| r.tripped) && readings.len() == 2);
        assert!(StopRules::off().validation(&state, ValidationFigures { nll: 9.0, entropy: 0.0 }).is_empty());
        assert!(!StopRules::off().needs_validation());
    }

    #[test]
    fn exactly_at_the_limit_no_rule_trips() {
        let mut state = StopState::default();
        let rules = StopRules { max_anchor_kl: 0.25, ..StopRules::off() };
        let checks: Vec<_> = (0..WINDOW).filter_map(|_| rules.anchors(&mut state, 0.25)).collect();
        assert!(checks.len() == 1 && checks[0].value == 0.25 && !checks[0].tripped);

        // A rise of the limit is a rise, and the same rise again no plateau; 0.25 after it is one.
        let rules = StopRules { min_negatives_gain: 0.5, ..StopRules::off() };
        let checks: Vec<_> = [2.0, 2.5, 3.0, 3.25].iter().filter_map(|nll| rules.negatives(&mut state, *nll)).collect();
        let read: Vec<_> = checks.iter().map(|check| (check.value, check.tripped)).collect();
        assert_eq!(read, [(0.5, false), (0.5, false), (0.25, true)]);

        // A fall of the limit is a fall; a fall from there is counted from there.
        let rules = StopRules { min_harm_drop: 0.25, patience: 1, ..StopRules::off() };
        let checks: Vec<_> = [0.75, 0.5, 0.25, 0.25].iter().filter_map(|harm| rules.harm(&mut state, *harm)).collect();
        let read: Vec<_> = checks.iter().map(|check| (check.value, check.tripped)).collect();
        assert_eq!(read, [(0.25, false), (0.25, false), (0.0, true)]);

        let base = ValidationFigures { nll: 2.0, entropy: 2.0 };
        state.base = Some(base);
        let rise = 0.5f64.exp() - 1.0;
        let rules = StopRules { max_benign_perplexity_increase: rise, min_entropy: 1.0, ..StopRules::off() };
        let checks = rules.validation(&state, ValidationFigures { nll: 2.5, entropy: 1.0 });
        let read: Vec<_> = checks.iter().map(|check| (check.value, check.tripped)).collect();
        assert_eq!(read, [(rise, false), (1.0, false)]);
    }

    #[test]
    fn each_rule_of_the_validation_set_needs_it_and_stands_alone() {
        let perplexity = StopRules { max_benign_perplexity_increase: 0.1, ..StopRules::off() };
        let entropy = StopRules { min_entropy: 0.1, ..StopRules::off() };
        assert!(perplexity.needs_validation() && entropy.needs_validation());
        let base = Some(ValidationFigures { nll: 2.0, entropy: 2.0 });
        let state = StopState { base, ..StopState::default() };
        let rules = |of: StopRules| -> Vec<_> {
            of.validation(&state, ValidationFigures { nll: 2.0, entropy: 2.0 }).iter().map(|check| check.rule).collect()
        };
        assert_eq!(rules(perplexity), ["max_benign_perplexity_increase"]);
        assert_eq!(rules(entropy), ["min_entropy"]);
    }

    #[test]
    fn where_nothing_is_said_the_anchors_rule_is_on_and_remembers_though_it_be_off() {
        let default = StopRules::default();
        assert_eq!((default.max_anchor_kl, default.patience, default.check_every), (0.5, 2, 10));
        assert_eq!(StopRules { max_anchor_kl: 0.0, ..default }, StopRules::off());
        let mut state = StopState::default();
        assert!((0..2 * WINDOW).all(|_| StopRules::off().anchors(&mut state, 9.0).is_none()));
        assert_eq!(state.anchor_fall, [9.0; WINDOW]);
        assert_eq!(WINDOW, 8, "of which checkpoints hold the values");
    }
}
