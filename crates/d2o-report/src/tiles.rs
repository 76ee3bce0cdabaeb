//! The four figures that a reader looks for first.

use d2o_eval::bootstrap::{Resampling, paired_difference};
use d2o_record::{AnswerKind, Estimate, Metric};
use maud::{Markup, PreEscaped, html};

use crate::chart::Strip;
use crate::escape::Plain;
use crate::metric::{Described, describe};
use crate::number::{count, fixed};
use crate::run::Run;

struct Tile {
    title: &'static str,
    metric: Described,
    before: Option<Estimate>,
    after: Option<Estimate>,
    change: Option<Estimate>,
    reference: Option<f64>,
    note: String,
}

/// The tiles, as many as there are figures for.
pub(crate) fn render(run: &Run) -> Markup {
    let harm = harm(run).or_else(|| tile(run, &Metric::HEARTH_HURTFUL, "Hurtful answers"));
    let refusals = refusals(run).or_else(|| tile(run, &Metric::HEARTH_ON_TOPIC, "Answers on topic"));
    let perplexity = tile(run, &Metric::BENIGN_PERPLEXITY, "Benign perplexity")
        .or_else(|| tile(run, &Metric::HEARTH_PERPLEXITY, "Perplexity"));
    let over_refusal = over_refusal(run).or_else(|| tile(run, &Metric::HEARTH_MALFORMED, "Malformed answers"));
    // Where no harm was judged, the habit has its place.
    let habit = |metric, title| if run.harm_set().is_none() { tile(run, &metric, title) } else { None };
    let harm = harm.or_else(|| habit(Metric::HABIT_RATE, "Answers that show the habit"));
    let refusals = refusals.or_else(|| habit(Metric::HABIT_RATE_SAMPLED, "The same, sampled"));
    let tiles: Vec<Tile> = [harm, refusals, perplexity, over_refusal].into_iter().flatten().collect();
    html! {
        @if !tiles.is_empty() {
            div.tiles { @for tile in &tiles { (tile.render()) } }
            (legend())
        }
    }
}

fn legend() -> Markup {
    html! {
        p.legend {
            "Dots are means and bars 95 % intervals, " span.before { "before" } " and " span.after { "after" }
            " training; a change stands with its 95 % interval over the same prompts; ┆ is the judge’s level on benign \
             answers."
        }
    }
}

fn tile(run: &Run, metric: &Metric, title: &'static str) -> Option<Tile> {
    let (before, after, change) = run.estimates(metric);
    before.or(after)?;
    Some(Tile {
        title,
        metric: describe(metric),
        before: before.copied(),
        after: after.copied(),
        change: change.copied(),
        reference: None,
        note: String::new(),
    })
}

fn harm(run: &Run) -> Option<Tile> {
    let set = run.harm_set()?;
    let mut tile = tile(run, &Metric::harm(set, AnswerKind::Greedy), "Judged harm")?;
    tile.reference = run.benign_level();
    let auc = run.judge().filter(|judge| judge.auc.is_finite());
    let auc = auc.map(|judge| format!("judge’s AUC {}", fixed(judge.auc, 2)));
    let level = tile.reference.map(|level| format!("┆ benign {}", fixed(level, 2)));
    tile.note = auc.into_iter().chain(level).collect::<Vec<_>>().join(" · ");
    Some(tile)
}

fn over_refusal(run: &Run) -> Option<Tile> {
    let mut tile = tile(run, &Metric::BENIGN_REFUSAL, "Over-refusal")?;
    if let (Some(before), Some(after), _) = run.estimates(&Metric::SOUNDING_HARMFUL_REFUSAL) {
        let [before, after] = [before, after].map(|estimate| tile.metric.value(estimate.mean));
        tile.note = format!("sounding harmful: {before} → {after}");
    }
    Some(tile)
}

/// Refusals of harmful prompts: from the evaluation, or counted in the answers.
fn refusals(run: &Run) -> Option<Tile> {
    let set = run.harm_set()?;
    let title = "Harmful prompts refused";
    let metric = Metric::harm_refusal(set);
    if let Some(tile) = tile(run, &metric, title) {
        return Some(tile);
    }
    let pairs = || run.answers.iter().filter(|pair| pair.set == set);
    let before: Vec<f64> = pairs().map(|pair| f64::from(u8::from(pair.refusal_before))).collect();
    let after: Vec<f64> = pairs().map(|pair| f64::from(u8::from(pair.refusal_after))).collect();
    let share = |refused: &[f64]| wilson(refused.iter().sum::<f64>() as usize, refused.len());
    (!before.is_empty()).then(|| Tile {
        title,
        metric: describe(&metric),
        before: Some(share(&before)),
        after: Some(share(&after)),
        change: Some(paired_difference(&before, &after, Resampling::default())),
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
    fn render(&self) -> Markup {
        let Some(now) = self.after.as_ref().or(self.before.as_ref()) else {
            return html! {};
        };
        let strip = Strip {
            before: self.before.as_ref(),
            after: self.after.as_ref(),
            domain: self.metric.domain(),
            reference: self.reference,
            width: 220.0,
        };
        let both = self.before.as_ref().zip(self.after.as_ref());
        html! {
            div.tile {
                h3 { (self.title) }
                p.now {
                    @if let Some((before, _)) = both { span.from { (self.metric.value(before.mean)) " →" } }
                    (self.metric.value(now.mean))
                }
                (PreEscaped(strip.render()))
                p.foot {
                    @match both {
                        Some((before, after)) => (self.change(before, after)),
                        None => {
                            @if self.before.is_some() { b { "before training" } }
                            " " (self.metric.interval(now))
                        }
                    }
                    " · n " (count(now.n as u64))
                    span { (Plain(&self.note)) }
                }
            }
        }
    }

    /// The change with its interval, or with that of the figure afterwards where nothing is paired.
    fn change(&self, before: &Estimate, after: &Estimate) -> Markup {
        let said = self.metric.judge(before, after, self.change.as_ref());
        let interval = match &self.change {
            Some(change) => self.metric.change_interval(before.mean, change),
            None => self.metric.interval(after),
        };
        html! {
            b class=(said.class()) title=(said.word()) { (self.metric.change(before.mean, after.mean)) }
            " " (interval)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use d2o_record::{AnswerPair, Evaluation};

    use crate::change::Change;
    use crate::fixture::estimate;

    fn tiles(metrics: &[&str]) -> String {
        let side = |mean: f64| {
            let figure = estimate(mean, mean / 2.0, mean * 1.5, 40);
            metrics.iter().map(|name| (Metric::from(*name), figure)).collect()
        };
        let evaluation = Evaluation { before: side(0.5), after: side(0.25), ..Evaluation::default() };
        render(&Run { evaluation: Some(evaluation), ..Run::default() }).into_string()
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
    fn the_habit_stands_where_no_harm_was_judged() {
        let habit = ["habit.rate", "habit.rate.sampled", "benign.refusal"];
        let html = tiles(&habit);
        assert!(html.contains("<h3>Answers that show the habit</h3>") && html.contains("<h3>The same, sampled</h3>"));
        assert!(html.contains("<h3>Over-refusal</h3>") && html.contains("50.0 % →</span>25.0 %"));
        let both = tiles(&[&habit[..], &["harm.probe"]].concat());
        assert!(both.contains("<h3>Judged harm</h3>") && !both.contains("Answers that show the habit"));
    }

    #[test]
    fn measured_refusals_come_before_counted_ones() {
        let html = tiles(&["harm.probe", "harm.probe.refusal"]);
        assert!(html.contains("Harmful prompts refused") && html.contains("n 40"));
        assert!(!tiles(&["harm.probe"]).contains("Harmful prompts refused"));
    }

    #[test]
    fn a_tile_shows_the_paired_change_with_its_interval() {
        let metric = Metric::harm("probe", AnswerKind::Greedy);
        let mut evaluation = Evaluation::default();
        evaluation.before.insert(metric.clone(), estimate(0.5, 0.4, 0.6, 40));
        evaluation.after.insert(metric.clone(), estimate(0.45, 0.35, 0.55, 40));
        evaluation.change.insert(metric, estimate(-0.05, -0.08, -0.02, 40));
        let html = render(&Run { evaluation: Some(evaluation), ..Run::default() }).into_string();
        assert!(html.contains(r#"<b class="good" title="better">−0.050</b> −0.080 to −0.020 · n 40"#), "{html}");
    }

    #[test]
    fn counted_refusals_are_compared_in_pairs() {
        let pair = |id: usize| AnswerPair {
            set: "probe".to_owned(),
            id: id.to_string(),
            prompt: String::new(),
            before: String::new(),
            after: String::new(),
            harm_before: None,
            harm_after: None,
            refusal_before: id == 0,
            refusal_after: id < 6,
            ..AnswerPair::default()
        };
        let evaluation =
            Evaluation { after: [("harm.probe".into(), estimate(0.5, 0.4, 0.6, 10))].into(), ..Evaluation::default() };
        let run = Run { evaluation: Some(evaluation), answers: (0..10).map(pair).collect(), ..Run::default() };
        let tile = refusals(&run).unwrap();
        // Five of ten decline that did not before, and none the other way.
        let change = tile.change.unwrap();
        assert!(change.mean == 0.5 && change.low >= 0.2 && change.high <= 0.8 && change.n == 10, "{change:?}");
        assert_eq!(tile.metric.judge(&tile.before.unwrap(), &tile.after.unwrap(), Some(&change)), Change::Better);
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
