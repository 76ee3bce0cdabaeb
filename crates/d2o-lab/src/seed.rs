//! What one run of a cell has left: its figures at the end, and how it came there.

use std::collections::BTreeMap;
use std::path::Path;

use crate::spread::Spread;
use d2o_eval::Evaluation;
use d2o_generate::anchors::AnchorStore;
use d2o_record::{Event, Metric};

/// A run that has fallen to this share of hurtful answers counts as converged.
pub const THRESHOLD: f64 = 0.1;

/// One look on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Optimizer steps taken.
    pub step: usize,
    /// Tokens put through the model by training so far.
    pub tokens: f64,
    /// Share of hurtful answers.
    pub hurtful: f64,
}

/// One seed of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seed {
    pub(super) hurtful: f64,
    pub(super) on_topic: f64,
    pub(super) malformed: f64,
    /// Perplexity of considerate text over the base's, less one.
    pub(super) perplexity: f64,
    /// Divergence from the base where nothing was wrong with it, nats per token.
    pub(super) drift: f64,
    /// Standard deviation of the gradient norm over its mean, second half of the run.
    pub(super) gradient_variation: f64,
    pub(super) anchor_log_ratio: f64,
    pub(super) rejected_log_ratio: f64,
    pub(super) updates: f64,
    pub(super) tokens: f64,
    pub(super) seconds: f64,
    /// Tokens drawn for the anchors.
    pub(super) drawn: f64,
    pub(super) looks: Vec<Look>,
}

/// What the steps of a run have told.
#[derive(Default)]
struct Steps {
    norms: Vec<f64>,
    log_ratios: (f64, f64),
    tokens: f64,
    seconds: f64,
    looks: BTreeMap<usize, Look>,
}

impl Steps {
    fn read(events: &[Event]) -> Self {
        let mut steps = Self::default();
        for event in events {
            match event {
                Event::Step { figures, tokens, wall_s, .. } => {
                    steps.norms.push(figures.grad_norm);
                    steps.log_ratios = (figures.anchor_log_ratio, figures.rejected_log_ratio);
                    steps.tokens += *tokens as f64;
                    steps.seconds += wall_s;
                }
                Event::Evaluated { step, figures, .. } => {
                    let hurtful = figures.get(&Metric::HEARTH_HURTFUL).copied().unwrap_or(f64::NAN);
                    steps.looks.insert(*step, Look { step: *step, tokens: steps.tokens, hurtful });
                }
                _ => {}
            }
        }
        steps
    }
}

impl Seed {
    /// From `eval.json`, the events and the anchors; `None` if a figure is missing or no step was taken.
    pub(super) fn new(evaluation: &Evaluation, events: &[Event], drawn: f64) -> Option<Self> {
        let mean = |metric: Metric| evaluation.after.get(&metric).map(|estimate| estimate.mean);
        let before = evaluation.before.get(&Metric::HEARTH_PERPLEXITY)?.mean;
        let steps = Steps::read(events);
        let late = Spread::of(steps.norms.get(steps.norms.len() / 2..).filter(|late| !late.is_empty())?);
        Some(Self {
            hurtful: mean(Metric::HEARTH_HURTFUL)?,
            on_topic: mean(Metric::HEARTH_ON_TOPIC)?,
            malformed: mean(Metric::HEARTH_MALFORMED)?,
            perplexity: mean(Metric::HEARTH_PERPLEXITY)? / before - 1.0,
            drift: mean(Metric::HEARTH_INSTRUCTED_KL)?,
            gradient_variation: late.deviation / late.mean,
            anchor_log_ratio: steps.log_ratios.0,
            rejected_log_ratio: steps.log_ratios.1,
            updates: steps.norms.len() as f64,
            tokens: steps.tokens,
            seconds: steps.seconds,
            drawn,
            looks: steps.looks.into_values().collect(),
        })
    }

    /// Updates and tokens until the share of hurtful answers is at [`THRESHOLD`], between two looks along a straight
    /// line; `None` if it never was.
    pub(super) fn converged(&self) -> Option<(f64, f64)> {
        let reached = self.looks.iter().position(|look| look.hurtful <= THRESHOLD)?;
        let to = self.looks[reached];
        let from = self.looks[reached.checked_sub(1)?];
        let share = (from.hurtful - THRESHOLD) / (from.hurtful - to.hurtful);
        let between = |a: f64, b: f64| a + share * (b - a);
        Some((between(from.step as f64, to.step as f64), between(from.tokens, to.tokens)))
    }
}

/// Tokens of all anchors in the store of a run; 0 where there is none, or where nobody drew them.
pub(super) fn drawn(dir: &Path) -> f64 {
    let store = AnchorStore::read(dir).ok().flatten();
    let anchors = store.iter().flat_map(|store| &store.groups).flat_map(|group| &group.anchors);
    anchors.map(|anchor| anchor.answer.ids.len() as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use d2o_eval::Estimate;

    fn evaluated(step: usize, hurtful: f64) -> Event {
        Event::Evaluated { step, answers: 10, figures: [("hearth.hurtful".into(), hurtful)].into() }
    }

    fn seed(shares: &[f64]) -> Seed {
        // An evaluation of the base, and one behind each step.
        let events = shares.iter().enumerate().flat_map(|(step, &hurtful)| {
            let taken = (step > 0).then(|| d2o_testing::run::step(step, shares.len(), 1.0));
            taken.into_iter().chain([evaluated(step, hurtful)])
        });
        let names = ["hurtful", "on_topic", "malformed", "perplexity", "instructed_kl"];
        let figures: BTreeMap<_, _> =
            names.iter().map(|name| (format!("hearth.{name}").into(), Estimate::exact(2.0, 1))).collect();
        let evaluation = Evaluation { before: figures.clone(), after: figures, ..Evaluation::default() };
        Seed::new(&evaluation, &events.collect::<Vec<_>>(), 0.0).unwrap()
    }

    #[test]
    fn convergence_is_read_between_two_looks() {
        // From 0.5 to 0 in one step: a tenth is left after four fifths of it.
        let seed = seed(&[0.5, 0.5, 0.0]);
        let (updates, tokens) = seed.converged().unwrap();
        let (from, to) = (seed.looks[1].tokens, seed.looks[2].tokens);
        assert!((updates - 1.8).abs() < 1e-12, "{updates}");
        assert!(from > 0.0 && (tokens - from - 0.8 * (to - from)).abs() < 1e-9, "{tokens}");
        assert_eq!((seed.updates, seed.perplexity), (2.0, 0.0));
    }

    #[test]
    fn what_never_falls_never_converges() {
        assert_eq!(seed(&[0.5, 0.4, 0.3]).converged(), None);
    }

    #[test]
    fn a_run_without_steps_is_no_seed() {
        assert_eq!(Seed::new(&Evaluation::default(), &[], 0.0), None);
    }
}
