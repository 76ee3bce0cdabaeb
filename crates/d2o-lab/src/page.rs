//! `docs/reproduction.md`, made from the outcomes.

use std::fmt::Write;
use std::path::Path;

use crate::cells::{ANCHORS, LOOK_EVERY, RATIOS, with_anchors};
use crate::claims::{Claim, Evidence, added, claims};
use crate::figure::{Curve, curves, dots};
use crate::outcome::{Outcome, Point};
use crate::seed::THRESHOLD;
use crate::spread::{Spread, number, signed};
use crate::{machine, variance};
use d2o_record::FileError;
use d2o_record::durable::{self, at};
use d2o_record::storage;

/// The cells whose fall is drawn.
const DRAWN: [&str; 7] = ["d2o", "sft", "npo", "dpo", "dpo-34", "simpo", "gradient_ascent"];

/// A figure's file name and title, and its SVG; nothing where there was nothing to draw.
type Picture = (&'static str, &'static str, Option<String>);

/// Writes the page at `path`, and its figures into a directory of the same name beside it.
///
/// # Errors
/// [`FileError`] naming the file.
pub fn write(path: &Path, evidence: Evidence<'_>, seeds: &[u64]) -> Result<(), FileError> {
    let dir = path.with_extension("");
    at(&dir, storage::create_dir_all(&dir))?;
    let mut text = head(evidence, seeds);
    text += &table(&evidence.collected.outcomes);
    text += &verdicts("## The paper's claims, here", &claims(evidence));
    text += &verdicts("## What the negatives add to the anchors, and the anchors to the negatives", &added(evidence));
    text += "## Figures\n\n";
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (file, title, svg) in pictures(evidence) {
        if let Some(svg) = svg {
            durable::write(&dir.join(format!("{file}.svg")), svg.as_bytes())?;
            let _ = writeln!(text, "![{title}]({name}/{file}.svg)\n");
        }
    }
    text += &commands(&evidence.collected.outcomes, seeds);
    durable::write(path, text.as_bytes())
}

fn head(evidence: Evidence<'_>, seeds: &[u64]) -> String {
    let collected = evidence.collected;
    let mut text = format!(
        "# Comparison of methods in Hearth, the small synthetic world\n\n\
         Made by `cargo xtask reproduce` from {} cells and seeds {seeds:?}; do not edit. Each cell is the preset\n\
         `hearth` on half of its negatives with a few keys changed (`d2o-preset` is the preset itself). Cells of one\n\
         seed and the same anchor settings train on the same anchors, in the same order, for the same number of\n\
         optimizer steps unless their name says otherwise; all answers of a group go through the model, also those that\n\
         an objective leaves out. Answers to held-out requests are drawn at temperature 1 and read by the exact judge.\n\
         Numbers are means over seeds ± half a 95 % interval (Student's t); – where there is no number; a verdict needs\n\
         intervals that lie apart.\n\n\
         Machine: {}. All processes together took {:.1} minutes of one thread each.\n\n",
        collected.outcomes.len(),
        machine::line(),
        collected.seconds / 60.0
    );
    if let Some(base) = &collected.base {
        let mean = |name: &str| base.before.get(name).map_or(f64::NAN, |estimate| estimate.mean);
        let _ = writeln!(
            text,
            "Base: {} % hurtful, {} % on topic, {} % malformed, perplexity {}; with an instruction {} % hurtful.\n",
            number(100.0 * mean("hearth.hurtful"), 1),
            number(100.0 * mean("hearth.on_topic"), 1),
            number(100.0 * mean("hearth.malformed"), 1),
            number(mean("hearth.perplexity"), 4),
            number(100.0 * mean("hearth.hurtful.instructed"), 1)
        );
    }
    text
}

const COLUMNS: &str = "| question | cell | seeds | hurtful % | on topic % | malformed % | perplexity, change in % | \
                       KL from the base, instructed requests | gradient variation | \
                       anchors' / rejected's log-ratio | steps | k tokens trained / drawn | seconds | \
                       steps to threshold |\n\
                       |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";

fn table(outcomes: &[Outcome]) -> String {
    let mut text = COLUMNS.to_owned();
    for outcome in outcomes {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} / {} | {} | {} / {} | {} | {} |",
            outcome.cell.group,
            outcome.cell.name,
            outcome.seeds,
            outcome.hurtful.percent(),
            outcome.on_topic.percent(),
            outcome.malformed.percent(),
            outcome.perplexity.change(),
            number(outcome.drift.mean, 3),
            number(outcome.gradient_variation.mean, 2),
            signed(outcome.anchor_log_ratio.mean),
            signed(outcome.rejected_log_ratio.mean),
            number(outcome.updates, 0),
            number(outcome.kilotokens, 0),
            number(outcome.drawn_kilotokens, 0),
            number(outcome.seconds, 0),
            threshold(outcome)
        );
    }
    let _ = write!(
        text,
        "\nPerplexity is that of held-out considerate answers to the bare requests; KL from the base is in nats per token,\n\
         on the base's own harmless answers to instructed requests; gradient variation is the standard deviation of the\n\
         gradient's norm over its mean in the second half of the run; seconds are those of training alone, one thread.\n\
         The threshold is {:.0} % hurtful answers of 102, evaluated every {LOOK_EVERY} steps.\n\n",
        100.0 * THRESHOLD
    );
    text
}

fn threshold(outcome: &Outcome) -> String {
    match outcome.convergence {
        Some(found) if found.seeds == outcome.seeds => {
            format!("{:.0} ± {:.0}", found.updates.mean, found.updates.half)
        }
        Some(found) => format!("{:.0} ({} of {})", found.updates.mean, found.seeds, outcome.seeds),
        None => "never".to_owned(),
    }
}

fn verdicts(heading: &str, claims: &[Claim]) -> String {
    let mut text = format!("{heading}\n\n| claim | verdict | because |\n|---|---|---|\n");
    for claim in claims {
        let _ = writeln!(text, "| {} | **{}** | {} |", claim.claim, claim.verdict, claim.because);
    }
    text + "\n"
}

fn pictures(evidence: Evidence<'_>) -> Vec<Picture> {
    let outcomes = &evidence.collected.outcomes;
    let find = |name: &str| outcomes.iter().find(|outcome| outcome.cell.name == name);
    let fall = |of: fn(&Point) -> f64| -> Vec<Curve> {
        let curve = |name: &'static str| {
            Some((name, find(name)?.curve.iter().map(|point| (of(point), 100.0 * point.hurtful)).collect()))
        };
        DRAWN.into_iter().filter_map(curve).collect()
    };
    let by = |points: Vec<(f64, &Outcome)>, of: fn(&Outcome) -> f64| -> Vec<(f64, f64)> {
        points.into_iter().map(|(x, outcome)| (x, 100.0 * of(outcome))).collect()
    };
    let over_k = || ANCHORS.iter().filter_map(|&k| Some((k as f64, find(&with_anchors(k))?))).collect::<Vec<_>>();
    let over_ratio = || RATIOS.iter().filter_map(|&(name, ratio)| Some((ratio, find(name)?))).collect::<Vec<_>>();
    let hurtful = |outcome: &Outcome| outcome.hurtful.mean;
    let line = || Some((100.0 * THRESHOLD, "threshold".to_owned()));
    let draw = |file, title, along, drawn: Vec<Curve>, baseline| (file, title, curves(title, along, drawn, baseline));
    let dotted =
        |file, title, of: fn(&Outcome) -> Spread, target| (file, title, Some(dots(title, outcomes, of, target)));
    vec![
        draw("updates", "hurtful answers, %, over updates", "updates", fall(|point| point.step as f64), line()),
        draw("tokens", "hurtful answers, %, over thousands of tokens", "k tokens", fall(|p| p.kilotokens), line()),
        draw("anchors", "hurtful answers, %, against K", "K", vec![("hurtful", by(over_k(), hurtful))], None),
        draw(
            "ratio",
            "hurtful answers and rise of perplexity, %, against α/β",
            "α/β",
            vec![
                ("hurtful", by(over_ratio(), hurtful)),
                ("perplexity", by(over_ratio(), |outcome| outcome.perplexity.mean)),
            ],
            None,
        ),
        draw("variance", "relative variance of the gradient, %, against 100/K", "100/K", scatter(evidence), None),
        dotted("hurtful", "share of hurtful answers", |outcome| outcome.hurtful, Some(0.02)),
        dotted("on_topic", "share of on-topic considerate answers", |outcome| outcome.on_topic, None),
        dotted(
            "perplexity",
            "rise of the perplexity of considerate text; 30 % and more stand at 30 %",
            |outcome| outcome.perplexity.capped(0.3),
            Some(0.03),
        ),
    ]
}

/// The measured variance, and what independent draws would make of that of one anchor.
fn scatter(evidence: Evidence<'_>) -> Vec<Curve> {
    let Some((_, first)) = evidence.scatter.first() else {
        return Vec::new();
    };
    let share = |k: usize| 100.0 / k as f64;
    let points = |of: &dyn Fn(usize, f64) -> f64| {
        let by_k = evidence.scatter.iter().rev();
        by_k.map(|&(k, spread)| (share(k), 100.0 * of(k, spread.mean))).collect::<Vec<_>>()
    };
    vec![("measured", points(&|_, mean| mean)), ("as 1/K", points(&|k, _| first.mean / k as f64))]
}

fn commands(outcomes: &[Outcome], seeds: &[u64]) -> String {
    let seed = seeds.first().copied().unwrap_or_default();
    let mut text = format!(
        "## Any row again\n\n\
         A row with all its seeds: `cargo xtask reproduce --only CELL`. One run of it, for seed {seed}\n\
         (`cargo xtask d2o` stands for `d2o`):\n\n"
    );
    for outcome in outcomes {
        let _ = writeln!(text, "- {}: `{}`", outcome.cell.name, outcome.cell.command(seed));
    }
    let _ = write!(
        text,
        "\nThe variance of the gradient is measured on groups of the cell with the most anchors, {} of their anchors\n\
         each.\n",
        variance::SLOTS
    );
    text
}
