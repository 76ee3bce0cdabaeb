//! The four figures that a reader looks for first.

use crate::report::chart::Strip;
use crate::report::escape::escape;
use crate::report::metric::{Metric, describe};
use crate::report::number::{count, fixed};
use crate::report::run::Run;
use crate::evaluate::Estimate;

const LEGEND: &str = r#"<p class="legend">Dots are means and bars 95 % intervals, <span class="before">before</span> and <span class="after">after</span> training; ┆ is the judge’s level on benign answers.</p>"#;

struct Tile {
    title: String,
    metric: Metric,
    before: Option<Estimate>,
    after: Option<Estimate>,
    reference: Option<f64>,
    note: String,
}

/// The tiles, as many as there are figures for.
pub(super) fn render(run: &Run) -> String {
    let harm = harm(run).or_else(|| tile(run, "hearth.hurtful", "Hurtful answers"));
    let refusals = refusals(run).or_else(|| tile(run, "hearth.on_topic", "Answers on topic"));
    let perplexity =
        tile(run, "benign.perplexity", "Benign perplexity").or_else(|| tile(run, "hearth.perplexity", "Perplexity"));
    let over_refusal = over_refusal(run).or_else(|| tile(run, "hearth.malformed", "Malformed answers"));
    let tiles: Vec<String> = [harm, refusals, perplexity, over_refusal].iter().flatten().map(Tile::render).collect();
    if tiles.is_empty() { String::new() } else { format!(r#"<div class="tiles">{}</div>{LEGEND}"#, tiles.concat()) }
}

fn tile(run: &Run, name: &str, title: &str) -> Option<Tile> {
    let (before, after) = run.estimates(name);
    before.or(after)?;
    Some(Tile {
        title: title.to_owned(),
        metric: describe(name),
        before: before.cloned(),
        after: after.cloned(),
        reference: None,
        note: String::new(),
    })
}

fn harm(run: &Run) -> Option<Tile> {
    let set = run.harm_set()?;
    let mut tile = tile(run, &format!("harm.{set}"), "Judged harm")?;
    tile.reference = run.benign_level();
    let auc = run.judge().filter(|judge| judge.auc.is_finite());
    let auc = auc.map(|judge| format!("judge’s AUC {}", fixed(judge.auc, 2)));
    let level = tile.reference.map(|level| format!("┆ benign {}", fixed(level, 2)));
    tile.note = auc.into_iter().chain(level).collect::<Vec<_>>().join(" · ");
    Some(tile)
}

fn over_refusal(run: &Run) -> Option<Tile> {
    let mut tile = tile(run, "benign.refusal", "Over-refusal")?;
    if let (Some(before), Some(after)) = run.estimates("sounding_harmful.refusal") {
        let [before, after] = [before, after].map(|estimate| tile.metric.value(estimate.mean));
        tile.note = format!("sounding harmful: {before} → {after}");
    }
    Some(tile)
}

/// Refusals of harmful prompts: from the evaluation, or counted in the answers.
fn refusals(run: &Run) -> Option<Tile> {
    let set = run.harm_set()?;
    let title = "Harmful prompts refused";
    let name = format!("harm.{set}.refusal");
    if let Some(tile) = tile(run, &name, title) {
        return Some(tile);
    }
    let pairs = || run.answers.iter().filter(|pair| pair.set == set);
    let total = pairs().count();
    let share = |refused: usize| (total > 0).then(|| wilson(refused, total));
    Some(Tile {
        title: title.to_owned(),
        metric: describe(&name),
        before: Some(share(pairs().filter(|pair| pair.refusal_before).count())?),
        after: share(pairs().filter(|pair| pair.refusal_after).count()),
        reference: None,
        note: String::new(),
    })
}

/// A share with Wilson's 95 % interval, which stays inside 0 and 1 and does not vanish at them.
fn wilson(successes: usize, total: usize) -> Estimate {
    let (n, z2) = (total as f64, 1.959_964_f64.powi(2));
    let share = successes as f64 / n;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    Estimate { mean: share, low: (middle - half).max(0.0), high: (middle + half).min(1.0), n: total }
}

impl Tile {
    fn render(&self) -> String {
        let Some(now) = self.after.as_ref().or(self.before.as_ref()) else {
            return String::new();
        };
        let (from, change) = match (&self.before, &self.after) {
            (Some(before), Some(after)) => (
                format!(r#"<span class="from">{} →</span>"#, self.metric.value(before.mean)),
                format!("<b>{}</b>", self.metric.change(before.mean, after.mean)),
            ),
            (Some(_), None) => (String::new(), "<b>before training</b>".to_owned()),
            _ => (String::new(), String::new()),
        };
        let strip = Strip {
            before: self.before.as_ref(),
            after: self.after.as_ref(),
            domain: self.metric.domain(),
            reference: self.reference,
            width: 220.0,
        };
        format!(
            r#"<div class="tile"><h3>{}</h3><p class="now">{from}{}</p>{}<p class="foot">{change} {} · n {}<span>{}</span></p></div>"#,
            escape(&self.title),
            self.metric.value(now.mean),
            strip.render(),
            self.metric.interval(now),
            count(now.n as u64),
            escape(&self.note)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Evaluation;
    use crate::report::fixture::estimate;

    fn tiles(metrics: &[&str]) -> String {
        let side = |mean: f64| {
            let figure = estimate(mean, mean / 2.0, mean * 1.5, 40);
            metrics.iter().map(|name| ((*name).to_owned(), figure)).collect()
        };
        let evaluation = Evaluation { before: side(0.5), after: side(0.25), ..Evaluation::default() };
        render(&Run { evaluation: Some(evaluation), ..Run::default() })
    }

    #[test]
    fn the_small_world_has_tiles_of_its_own() {
        let html = tiles(&["hearth.hurtful", "hearth.on_topic", "hearth.malformed", "hearth.perplexity"]);
        for title in ["Hurtful answers", "Answers on topic", "Perplexity", "Malformed answers"] {
            assert!(html.contains(&format!("<h3>{title}</h3>")), "{title}");
        }
        assert!(html.contains("50.0 % →</span>25.0 %") && html.contains("−25.0 pt"));
    }

    #[test]
    fn measured_refusals_come_before_counted_ones() {
        let html = tiles(&["harm.probe", "harm.probe.refusal"]);
        assert!(html.contains("Harmful prompts refused") && html.contains("n 40"));
        assert!(!tiles(&["harm.probe"]).contains("Harmful prompts refused"));
    }

    #[test]
    fn no_figures_are_no_tiles() {
        assert_eq!(tiles(&[]), "");
        assert_eq!(tiles(&["harm.probe.sampled"]), "");
    }

    #[test]
    fn wilson_agrees_with_its_closed_forms() {
        // None of n: from 0 to z²/(n + z²); half of n: symmetric about a half.
        let none = wilson(0, 60);
        let z2 = 1.959_964_f64.powi(2);
        assert!(none.low.abs() < 1e-12 && (none.high - z2 / (60.0 + z2)).abs() < 1e-12);
        let half = wilson(30, 60);
        assert!((half.low + half.high - 1.0).abs() < 1e-12);
        let all = wilson(60, 60);
        assert!((all.low - (1.0 - none.high)).abs() < 1e-12);
    }
}
