//! What came out of a cell, over its seeds.

use std::path::Path;

use crate::cells::Cell;
use crate::record::Record;
use crate::run;
use crate::seed::{Seed, drawn};
use crate::spread::Spread;
use d2o_eval::Evaluation;
use d2o_record::jsonl::read as read_events;

/// How soon the harm was down to [`THRESHOLD`](crate::seed::THRESHOLD).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convergence {
    /// Seeds that came there at all.
    pub seeds: usize,
    /// Optimizer steps until then, of those that did.
    pub updates: Spread,
    /// Tokens trained on until then, thousands.
    pub kilotokens: Spread,
}

/// The mean of a look over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Optimizer steps taken.
    pub step: usize,
    /// Tokens trained on so far, thousands.
    pub kilotokens: f64,
    /// Share of hurtful answers.
    pub hurtful: f64,
}

/// A cell over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which cell.
    pub cell: Cell,
    /// Seeds that finished.
    pub seeds: usize,
    /// Share of hurtful answers.
    pub hurtful: Spread,
    /// Share of considerate answers that take up the request.
    pub on_topic: Spread,
    /// Share of malformed answers.
    pub malformed: Spread,
    /// Rise of the perplexity of held-out considerate text, as a share.
    pub perplexity: Spread,
    /// Divergence from the base on its own harmless answers to instructed requests, nats per token.
    pub drift: Spread,
    /// Variation of the gradient norm in the second half of the run.
    pub gradient_variation: Spread,
    /// Anchors' log-ratio at the end, nats.
    pub anchor_log_ratio: Spread,
    /// Rejected answers' log-ratio at the end, nats.
    pub rejected_log_ratio: Spread,
    /// Optimizer steps.
    pub updates: f64,
    /// Tokens trained on, thousands.
    pub kilotokens: f64,
    /// Tokens drawn for the anchors, thousands.
    pub drawn_kilotokens: f64,
    /// Seconds of training, one thread.
    pub seconds: f64,
    /// How soon the harm was gone; `None` if it never was.
    pub convergence: Option<Convergence>,
    /// The harm on the way.
    pub curve: Vec<Point>,
}

/// Everything that the runs have left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// An evaluation with the base's figures.
    pub base: Option<Evaluation>,
    /// Every cell that has at least one finished seed.
    pub outcomes: Vec<Outcome>,
    /// Process seconds of all runs and anchor stores.
    pub seconds: f64,
}

/// Reads what lies below `out`.
///
/// # Errors
/// Files that cannot be read.
pub fn collect(out: &Path, cells: &[Cell], seeds: &[u64]) -> anyhow::Result<Collected> {
    let mut collected = Collected::default();
    let mut dirs = std::collections::BTreeSet::new();
    for cell in cells {
        let mut found = Vec::new();
        for &seed in seeds {
            let (dir, store) = (run::dir(out, cell, seed), run::store(out, cell, seed));
            if dir.join("eval.json").exists() {
                let evaluation = Evaluation::load(&dir.join("eval.json"))?;
                let events = read_events(&dir.join("events.jsonl"))?;
                // Preferred answers are given, not drawn.
                let given = cell.set.iter().any(|key| key == "anchors.source=chosen");
                let drawn = if given { 0.0 } else { drawn(&store.join("anchors")) };
                found.extend(Seed::new(&evaluation, &events, drawn));
                collected.base.get_or_insert(evaluation);
            }
            dirs.extend([dir, store]);
        }
        collected.outcomes.extend(Outcome::new(cell, &found));
    }
    collected.seconds = dirs.iter().filter_map(|dir| Some(Record::read(dir)?.seconds)).sum();
    Ok(collected)
}

impl Outcome {
    fn new(cell: &Cell, seeds: &[Seed]) -> Option<Self> {
        if seeds.is_empty() {
            return None;
        }
        let spread = |of: fn(&Seed) -> f64| Spread::of(&seeds.iter().map(of).collect::<Vec<_>>());
        Some(Self {
            cell: cell.clone(),
            seeds: seeds.len(),
            hurtful: spread(|seed| seed.hurtful),
            on_topic: spread(|seed| seed.on_topic),
            malformed: spread(|seed| seed.malformed),
            perplexity: spread(|seed| seed.perplexity),
            drift: spread(|seed| seed.drift),
            gradient_variation: spread(|seed| seed.gradient_variation),
            anchor_log_ratio: spread(|seed| seed.anchor_log_ratio),
            rejected_log_ratio: spread(|seed| seed.rejected_log_ratio),
            updates: spread(|seed| seed.updates).mean,
            kilotokens: spread(|seed| seed.tokens).mean / 1000.0,
            drawn_kilotokens: spread(|seed| seed.drawn).mean / 1000.0,
            seconds: spread(|seed| seed.seconds).mean,
            convergence: convergence(seeds),
            curve: curve(seeds),
        })
    }
}

fn convergence(seeds: &[Seed]) -> Option<Convergence> {
    let (updates, tokens): (Vec<f64>, Vec<f64>) = seeds.iter().filter_map(Seed::converged).unzip();
    let kilotokens: Vec<f64> = tokens.iter().map(|tokens| tokens / 1000.0).collect();
    (!updates.is_empty()).then(|| Convergence {
        seeds: updates.len(),
        updates: Spread::of(&updates),
        kilotokens: Spread::of(&kilotokens),
    })
}

/// Means over the seeds at those looks that all of them had.
fn curve(seeds: &[Seed]) -> Vec<Point> {
    let shared = seeds.iter().map(|seed| seed.looks.len()).min().unwrap_or(0);
    let share = 1.0 / seeds.len() as f64;
    let mean = |index: usize| Point {
        step: seeds[0].looks[index].step,
        kilotokens: seeds.iter().map(|seed| seed.looks[index].tokens).sum::<f64>() * share / 1000.0,
        hurtful: seeds.iter().map(|seed| seed.looks[index].hurtful).sum::<f64>() * share,
    };
    (0..shared).map(mean).collect()
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;

    /// An outcome of five seeds with a share of hurtful answers; everything else is the same for all.
    pub(crate) fn outcome(name: &str, group: &'static str, hurtful: f64) -> Outcome {
        let spread = |mean: f64| Spread { mean, half: 0.01, deviation: 0.008 };
        let steps = Spread { mean: 40.0, half: 2.0, deviation: 1.6 };
        Outcome {
            cell: Cell { group, name: name.to_owned(), set: vec![] },
            seeds: 5,
            hurtful: spread(hurtful),
            on_topic: spread(0.8),
            malformed: spread(0.02),
            perplexity: spread(0.0),
            drift: spread(0.03),
            gradient_variation: spread(0.2),
            anchor_log_ratio: spread(1.0),
            rejected_log_ratio: spread(-9.0),
            updates: 102.0,
            kilotokens: 300.0,
            drawn_kilotokens: 80.0,
            seconds: 10.0,
            convergence: Some(Convergence { seeds: 5, updates: steps, kilotokens: steps }),
            curve: vec![
                Point { step: 0, kilotokens: 0.0, hurtful: 0.5 },
                Point { step: 102, kilotokens: 300.0, hurtful },
            ],
        }
    }
}
