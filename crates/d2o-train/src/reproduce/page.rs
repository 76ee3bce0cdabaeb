//! `docs/reproduction.md`, made from the outcomes.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::claims::claims;
use super::figure::dots;
use super::outcome::{Outcome, Spread};
use crate::durable::{self, at};
use crate::error::TrainError;
use crate::evaluate::Evaluation;

/// A figure's name and title, what it shows of an outcome, and the value aimed at.
type Figure = (&'static str, &'static str, fn(&Outcome) -> Spread, Option<f64>);

/// Writes the page at `path` and its figures beside it.
///
/// # Errors
/// [`TrainError::Io`] naming the file.
pub fn write(path: &Path, base: Option<&Evaluation>, outcomes: &[Outcome], seeds: &[u64]) -> Result<(), TrainError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    at(dir, fs::create_dir_all(dir))?;
    let figures: [Figure; 3] = [
        ("hurtful", "share of hurtful answers", |outcome| outcome.hurtful, Some(0.02)),
        ("on_topic", "share of on-topic considerate answers", |outcome| outcome.on_topic, None),
        ("perplexity", "rise of the perplexity of considerate text", |outcome| outcome.perplexity, Some(0.03)),
    ];
    let mut text = head(base, outcomes, seeds);
    for (name, title, of, target) in figures {
        let file = format!("reproduction-{name}.svg");
        durable::write(&dir.join(&file), dots(title, outcomes, of, target).as_bytes())?;
        let _ = writeln!(text, "![{title}]({file})\n");
    }
    text += &table(outcomes);
    text += &verdicts(outcomes);
    text += &commands(outcomes, seeds);
    durable::write(path, text.as_bytes())
}

fn head(base: Option<&Evaluation>, outcomes: &[Outcome], seeds: &[u64]) -> String {
    let total: f64 = outcomes.iter().map(|outcome| outcome.seconds * outcome.seeds as f64).sum();
    let mut text = format!(
        "# The comparison in the small world\n\n\
         Made by `cargo xtask reproduce` from {} cells and seeds {seeds:?}; do not edit. Each cell is the preset `hearth`\n\
         with a few keys changed, at an equal number of optimizer steps. Answers to held-out requests are drawn at\n\
         temperature 1 and read by the exact judge. Numbers are means over seeds ± half a 95 % interval (Student's t).\n\
         Training alone took {:.0} seconds of one thread in all.\n\n",
        outcomes.len(),
        total
    );
    if let Some(base) = base {
        let mean = |name: &str| base.before.get(name).map_or(f64::NAN, |estimate| estimate.mean);
        let _ = writeln!(
            text,
            "Base: {:.1} % hurtful, {:.1} % on topic, {:.1} % malformed, perplexity {:.4}; with an instruction {:.1} % hurtful.\n",
            100.0 * mean("hearth.hurtful"),
            100.0 * mean("hearth.on_topic"),
            100.0 * mean("hearth.malformed"),
            mean("hearth.perplexity"),
            100.0 * mean("hearth.hurtful.instructed")
        );
    }
    text
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = "| question | cell | seeds | hurtful % | on topic % | malformed % | perplexity % | gradient variation | \
                    anchors' / rejected's log-ratio | steps | k tokens | s |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let percent = |spread: Spread| format!("{:.1} ± {:.1}", 100.0 * spread.mean, 100.0 * spread.half);
    for outcome in outcomes {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {:.2} | {:+.1} / {:+.1} | {:.0} | {:.0} | {:.0} |",
            outcome.cell.group,
            outcome.cell.name,
            outcome.seeds,
            percent(outcome.hurtful),
            percent(outcome.on_topic),
            percent(outcome.malformed),
            percent(outcome.perplexity),
            outcome.gradient_variation.mean,
            outcome.anchor_log_ratio.mean,
            outcome.rejected_log_ratio.mean,
            outcome.updates,
            outcome.kilotokens,
            outcome.seconds
        );
    }
    text + "\n"
}

fn verdicts(outcomes: &[Outcome]) -> String {
    let mut text = "## The paper's claims, here\n\n| claim | verdict | because |\n|---|---|---|\n".to_owned();
    for claim in claims(outcomes) {
        let _ = writeln!(text, "| {} | {} | {} |", claim.claim, claim.verdict, claim.because);
    }
    text + "\n"
}

fn commands(outcomes: &[Outcome], seeds: &[u64]) -> String {
    let seed = seeds.first().copied().unwrap_or_default();
    let mut text = format!("## Any row again\n\nFor seed {seed}; other seeds by `seed=N`.\n\n");
    for outcome in outcomes {
        let _ = writeln!(text, "- {}: `{}`", outcome.cell.name, outcome.cell.command(seed));
    }
    text
}
