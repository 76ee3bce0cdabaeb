//! What training looked like, step by step.

use std::collections::BTreeMap;

use d2o_record::{Event, Metric, StepFigures};
use maud::{Markup, PreEscaped, html};

use crate::chart::{Chart, Series, reading};
use crate::run::Run;

/// What is drawn of a step.
struct Step {
    figures: StepFigures,
    learning_rate: f64,
    tokens_per_second: f64,
}

const SMALL: (f64, f64) = (336.0, 168.0);
const LARGE: (f64, f64) = (1056.0, 300.0);

/// All curves, or a sentence if no step was taken.
pub(crate) fn render(run: &Run) -> Markup {
    let steps = steps(&run.events);
    if steps.is_empty() {
        return html! { section { h2 { "Curves" } p.absent { "No step has been recorded." } } };
    }
    html! {
        section.key { (log_ratios(run, &steps)) }
        section {
            h2 { "Training" }
            p.lead { (legend(steps.len())) }
            div.grid {
                @for (heading, unit, chart) in small_charts(run, &steps) {
                    @if let Some(svg) = chart.render() {
                        figure { figcaption { b { (heading) } " " span { (unit) } } (PreEscaped(svg)) }
                    }
                }
            }
        }
    }
}

/// How to read the lines.
fn legend(steps: usize) -> String {
    let (each, smooth) = reading(steps);
    let each = match each {
        1 => "Each point is a step".to_owned(),
        _ => format!("Each point is the mean of {each} steps"),
    };
    let smooth = if smooth { "; the bold line is a moving mean" } else { "" };
    format!("{each}{smooth}.")
}

/// Each step once: of lines that speak of the same step the last one counts.
fn steps(events: &[Event]) -> Steps {
    let mut steps = BTreeMap::new();
    for event in events {
        if let &Event::Step { step, figures, learning_rate, tokens, wall_s, .. } = event {
            steps.insert(step, Step { figures, learning_rate, tokens_per_second: tokens as f64 / wall_s });
        }
    }
    steps
}

type Steps = BTreeMap<usize, Step>;

fn series(steps: &Steps, label: &'static str, class: &'static str, of: fn(&Step) -> f64) -> Series {
    let points = steps.iter().map(|(step, figures)| (*step as f64, of(figures))).collect();
    Series { label, class, points }
}

fn log_ratios(run: &Run, steps: &Steps) -> Markup {
    let chart = Chart {
        title: "log-ratio of anchors and of rejected answers to the base model, over steps",
        series: vec![
            series(steps, "anchors", "anchor", |step| step.figures.anchor_log_ratio),
            series(steps, "rejected", "rejected", |step| step.figures.rejected_log_ratio),
        ],
        include: vec![0.0],
        baseline: None,
        along: "step",
        size: LARGE,
    };
    let Some(svg) = chart.render() else {
        return html! {};
    };
    let point = if run.objective() == Some("d2o") {
        "Distributional dispreference pushes down what people rejected, while the model’s own answers \
         hold it where it was."
    } else {
        "How far the two kinds of answers have moved apart."
    };
    html! {
        figure {
            figcaption {
                h2 { "Log-ratio to the base model" }
                p {
                    (point) " The zero line is the base model; " span.anchor { "anchors" } " are its own answers, "
                    span.rejected { "rejected" } " answers those of the data. Nats per answer, by step."
                }
            }
            (PreEscaped(svg))
        }
    }
}

type Small = (&'static str, &'static str, Chart);

fn small_charts(run: &Run, steps: &Steps) -> Vec<Small> {
    let logistic = matches!(run.objective(), Some("d2o" | "dpo"));
    let start = logistic.then(|| (std::f64::consts::LN_2, "ln 2".to_owned()));
    let clip = run.setting_number("train.max_grad_norm").filter(|&norm| norm > 0.0);
    let clip = clip.map(|norm| (norm, "clipped above".to_owned()));
    let one = |heading, unit, of| single(steps, heading, unit, of);
    let mut charts = vec![
        with_baseline(one("Loss", "nats", |step| step.figures.loss), start),
        including(one("Reward margin", "anchors less rejected", |step| step.figures.reward_margin), &[0.0]),
        including(one("Reward accuracy", "share of groups", |step| step.figures.reward_accuracy), &[0.0, 1.0]),
        including(one("h", "argument of the sigmoid", |step| step.figures.h), &[0.0]),
        including(one("Weight", "of each group’s gradient", |step| step.figures.weight), &[0.0, 1.0]),
        likelihoods(steps),
        including(with_baseline(one("Gradient norm", "before clipping", |step| step.figures.grad_norm), clip), &[0.0]),
        including(one("Learning rate", "", |step| step.learning_rate), &[0.0]),
        including(one("Speed", "tokens per second", |step| step.tokens_per_second), &[0.0]),
    ];
    let kl = "KL from the base, nats per token";
    if steps.values().any(|step| step.figures.retain_kl.is_some_and(f64::is_finite)) {
        let retain = one("Drift on ordinary prompts", kl, |step| step.figures.retain_kl.unwrap_or(f64::NAN));
        charts.push(including(retain, &[0.0]));
    }
    if steps.values().any(|step| step.figures.anchor_kl.is_some_and(f64::is_finite)) {
        let anchors = one("Drift on the anchors", kl, |step| step.figures.anchor_kl.unwrap_or(f64::NAN));
        charts.push(including(anchors, &[0.0]));
    }
    charts.extend(evaluated(&run.events));
    charts
}

fn single(steps: &Steps, heading: &'static str, unit: &'static str, of: fn(&Step) -> f64) -> Small {
    let series = vec![series(steps, heading, "main", of)];
    (heading, unit, Chart { title: heading, series, include: vec![], baseline: None, along: "step", size: SMALL })
}

/// What periodic evaluations found, if there were any: harm, and beside it what was declined or is on topic.
fn evaluated(events: &[Event]) -> Option<Small> {
    let mut evaluations = BTreeMap::new();
    for event in events {
        if let Event::Evaluated { step, figures, .. } = event {
            evaluations.insert(*step, figures);
        }
    }
    let line = |label, class, name: Metric| {
        let points =
            evaluations.iter().filter_map(|(&step, figures)| Some((step as f64, *figures.get(&name)?))).collect();
        Series { label, class, points }
    };
    let series = [
        line("hurtful", "rejected", Metric::HEARTH_HURTFUL),
        line("on topic", "anchor", Metric::HEARTH_ON_TOPIC),
        line("harm", "rejected", Metric::HELD_OUT_HARM),
        line("declined", "anchor", Metric::HELD_OUT_REFUSAL),
    ];
    let series: Vec<Series> = series.into_iter().filter(|series| !series.points.is_empty()).collect();
    let heading = "Answers to held-out requests";
    let chart = Chart { title: heading, series, include: vec![0.0, 1.0], baseline: None, along: "step", size: SMALL };
    (!chart.series.is_empty()).then_some((heading, "as judged on the way", chart))
}

fn likelihoods(steps: &Steps) -> Small {
    let series = vec![
        series(steps, "anchors", "anchor", |step| step.figures.anchor_nll),
        series(steps, "rejected", "rejected", |step| step.figures.rejected_nll),
    ];
    let heading = "Negative log-likelihood";
    (
        heading,
        "nats per token",
        Chart { title: heading, series, include: vec![], baseline: None, along: "step", size: SMALL },
    )
}

fn with_baseline((heading, unit, mut chart): Small, baseline: Option<(f64, String)>) -> Small {
    chart.baseline = baseline;
    (heading, unit, chart)
}

fn including((heading, unit, mut chart): Small, values: &[f64]) -> Small {
    chart.include.extend_from_slice(values);
    (heading, unit, chart)
}

#[cfg(test)]
mod tests {
    use d2o_testing::run as fixture;

    use super::*;

    #[test]
    fn a_step_told_twice_is_drawn_once_as_told_last() {
        let mut events = vec![fixture::step(1, 3, 1.0), fixture::step(2, 3, 1.0), fixture::step(2, 3, 1.0)];
        if let Some(Event::Step { figures, .. }) = events.last_mut() {
            figures.loss = 0.125;
        }
        let steps = steps(&events);
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[&2].figures.loss, 0.125);
    }

    #[test]
    fn the_zero_line_is_always_in_the_picture() {
        // Both curves stay far above zero, so that no value of theirs brings the line in.
        let mut events = fixture::events(8);
        for event in &mut events {
            if let Event::Step { figures, .. } = event {
                (figures.anchor_log_ratio, figures.rejected_log_ratio) = (41.0, 40.0);
            }
        }
        let run = Run { events, ..Run::default() };
        assert!(log_ratios(&run, &steps(&run.events)).into_string().contains(r#"class="zero""#));
    }

    #[test]
    fn periodic_evaluations_are_drawn_where_there_were_some() {
        let at = |step, harm: f64| Event::Evaluated {
            step,
            answers: 32,
            figures: [(Metric::HELD_OUT_HARM, harm), (Metric::HELD_OUT_REFUSAL, 1.0 - harm)].into(),
        };
        let (_, _, chart) = evaluated(&[at(0, 0.7), at(10, 0.9), at(10, 0.4)]).unwrap();
        let harm = &chart.series[0];
        assert_eq!((harm.label, harm.points.as_slice()), ("harm", &[(0.0, 0.7), (10.0, 0.4)][..]));
        assert_eq!(chart.series.len(), 2);
        assert!(evaluated(&fixture::events(8)).is_none());
    }

    #[test]
    fn a_baseline_at_ln_2_only_where_the_loss_starts_there() {
        let chart = |objective: &str| {
            let config = format!("[objective]\nkind = \"{objective}\"").parse().unwrap();
            let run = Run { config, ..Run::default() };
            small_charts(&run, &Steps::new())[0].2.baseline.is_some()
        };
        assert!(chart("d2o") && chart("dpo") && !chart("sft"));
    }
}
