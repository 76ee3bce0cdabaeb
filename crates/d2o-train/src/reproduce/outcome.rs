//! What came out of a cell, over its seeds.

use std::path::Path;

use super::cells::Cell;
use super::run;
use crate::evaluate::Evaluation;
use crate::events::Event;
use crate::observe::jsonl::read as read_events;

/// Half the width of a 95 % interval in standard errors, by degrees of freedom from 1 on (Student's t).
const T95: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/// A mean over seeds with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// Half the interval's width; 0 for a single seed.
    pub half: f64,
    /// Standard deviation over seeds.
    pub deviation: f64,
}

impl Spread {
    /// Of these values, at least one.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        if values.len() < 2 {
            return Self { mean, half: 0.0, deviation: 0.0 };
        }
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let t = T95[(values.len() - 2).min(T95.len() - 1)];
        Self { mean, half: t * deviation / n.sqrt(), deviation }
    }
}

/// One seed of a cell.
#[derive(Clone, Debug, PartialEq)]
struct Seed {
    hurtful: f64,
    on_topic: f64,
    malformed: f64,
    /// Perplexity of considerate text over the base's, less one.
    perplexity: f64,
    /// Standard deviation of the gradient norm over its mean, second half of the run.
    gradient_variation: f64,
    anchor_log_ratio: f64,
    rejected_log_ratio: f64,
    updates: f64,
    tokens: f64,
    seconds: f64,
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
    /// Seconds of training, one thread.
    pub seconds: f64,
}

/// The base's figures and every cell that has at least one finished seed.
pub fn collect(out: &Path, cells: &[Cell], seeds: &[u64]) -> anyhow::Result<(Option<Evaluation>, Vec<Outcome>)> {
    let mut base = None;
    let mut outcomes = Vec::new();
    for cell in cells {
        let mut found = Vec::new();
        for &seed in seeds {
            let dir = run::dir(out, cell, seed);
            if dir.join("eval.json").exists() {
                let evaluation = Evaluation::load(&dir.join("eval.json"))?;
                found.extend(read(&evaluation, &read_events(&dir.join("events.jsonl"))?));
                base.get_or_insert(evaluation);
            }
        }
        outcomes.extend(Outcome::new(cell, &found));
    }
    Ok((base, outcomes))
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
            gradient_variation: spread(|seed| seed.gradient_variation),
            anchor_log_ratio: spread(|seed| seed.anchor_log_ratio),
            rejected_log_ratio: spread(|seed| seed.rejected_log_ratio),
            updates: spread(|seed| seed.updates).mean,
            kilotokens: spread(|seed| seed.tokens).mean / 1000.0,
            seconds: spread(|seed| seed.seconds).mean,
        })
    }
}

fn read(evaluation: &Evaluation, events: &[Event]) -> Option<Seed> {
    let mean = |name: &str| evaluation.after.get(name).map(|estimate| estimate.mean);
    let before = evaluation.before.get("hearth.perplexity")?.mean;
    let mut steps = Vec::new();
    for event in events {
        if let Event::Step { grad_norm, anchor_log_ratio, rejected_log_ratio, tokens, wall_s, .. } = event {
            steps.push((*grad_norm, *anchor_log_ratio, *rejected_log_ratio, *tokens as f64, *wall_s));
        }
    }
    let last = steps.last()?;
    let late: Vec<f64> = steps[steps.len() / 2..].iter().map(|step| step.0).collect();
    let norms = Spread::of(&late);
    Some(Seed {
        hurtful: mean("hearth.hurtful")?,
        on_topic: mean("hearth.on_topic")?,
        malformed: mean("hearth.malformed")?,
        perplexity: mean("hearth.perplexity")? / before - 1.0,
        gradient_variation: norms.deviation / norms.mean,
        anchor_log_ratio: last.1,
        rejected_log_ratio: last.2,
        updates: steps.len() as f64,
        tokens: steps.iter().map(|step| step.3).sum(),
        seconds: steps.iter().map(|step| step.4).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        // Deviation 1, five values: 2.776 / sqrt(5) = 1.2415.
        let spread = Spread::of(&[1.0, 2.0, 2.0, 2.0, 3.0]);
        assert!((spread.mean - 2.0).abs() < 1e-12);
        assert!((spread.deviation - 0.5f64.sqrt()).abs() < 1e-12);
        assert!((spread.half - 2.776 * 0.5f64.sqrt() / 5f64.sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[0.3]), Spread { mean: 0.3, half: 0.0, deviation: 0.0 });
    }
}
