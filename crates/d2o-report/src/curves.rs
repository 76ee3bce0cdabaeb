//! What training looked like, step by step.

use std::collections::BTreeMap;

use crate::report::chart::{Chart, Series, reading};
use crate::report::run::Run;
use crate::events::Event;

/// The figures of a step that are drawn.
struct Step {
    loss: f64,
    h: f64,
    weight: f64,
    anchor_log_ratio: f64,
    rejected_log_ratio: f64,
    reward_accuracy: f64,
    reward_margin: f64,
    anchor_nll: f64,
    rejected_nll: f64,
    grad_norm: f64,
    /// Not a number where no retain rows were seen.
    retain_kl: f64,
    /// Not a number without a penalty on the anchors.
    anchor_kl: f64,
    learning_rate: f64,
    tokens_per_second: f64,
}

const SMALL: (f64, f64) = (336.0, 168.0);
const LARGE: (f64, f64) = (1056.0, 300.0);

/// All curves, or a sentence if no step was taken.
pub(super) fn render(run: &Run) -> String {
    let steps = steps(&run.events);
    if steps.is_empty() {
        return r#"<section><h2>Curves</h2><p class="absent">No step has been recorded.</p></section>"#.to_owned();
    }
    let figures: Vec<String> = small_charts(run, &steps)
        .into_iter()
        .filter_map(|(heading, unit, chart)| {
            let svg = chart.render()?;
            Some(format!("<figure><figcaption><b>{heading}</b> <span>{unit}</span></figcaption>{svg}</figure>"))
        })
        .collect();
    format!(
        r#"<section class="key">{}</section><section><h2>Training</h2><p class="lead">{}</p><div class="grid">{}</div></section>"#,
        log_ratios(run, &steps),
        legend(steps.len()),
        figures.concat()
    )
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
fn steps(events: &[Event]) -> BTreeMap<usize, Step> {
    let mut steps = BTreeMap::new();
    for event in events {
        if let Some((step, figures)) = figures(event) {
            steps.insert(step, figures);
        }
    }
    steps
}

fn figures(event: &Event) -> Option<(usize, Step)> {
    let &Event::Step {
        step,
        loss,
        h,
        weight,
        anchor_log_ratio,
        rejected_log_ratio,
        reward_accuracy,
        reward_margin,
        anchor_nll,
        rejected_nll,
        grad_norm,
        retain_kl,
        anchor_kl,
        learning_rate,
        tokens,
        wall_s,
        ..
    } = event
    else {
        return None;
    };
    let tokens_per_second = tokens as f64 / wall_s;
    let figures = Step {
        loss,
        h,
        weight,
        anchor_log_ratio,
        rejected_log_ratio,
        reward_accuracy,
        reward_margin,
        anchor_nll,
        rejected_nll,
        grad_norm,
        retain_kl: retain_kl.unwrap_or(f64::NAN),
        anchor_kl: anchor_kl.unwrap_or(f64::NAN),
        learning_rate,
        tokens_per_second,
    };
    Some((step, figures))
}

type Steps = BTreeMap<usize, Step>;

fn series(steps: &Steps, label: &'static str, class: &'static str, of: fn(&Step) -> f64) -> Series {
    let points = steps.iter().map(|(step, figures)| (*step as f64, of(figures))).collect();
    Series { label, class, points }
}

fn log_ratios(run: &Run, steps: &Steps) -> String {
    let chart = Chart {
        title: "log-ratio of anchors and of rejected answers to the base model, over steps",
        series: vec![
            series(steps, "anchors", "anchor", |step| step.anchor_log_ratio),
            series(steps, "rejected", "rejected", |step| step.rejected_log_ratio),
        ],
        include: vec![0.0],
        baseline: None,
        along: "step",
        size: LARGE,
    };
    let Some(svg) = chart.render() else {
        return String::new();
    };
    let point = if run.objective() == Some("d2o") {
        "Distributional dispreference pushes down what people rejected, while the model’s own answers hold it where it was."
    } else {
        "How far the two kinds of answers have moved apart."
    };
    format!(
        r#"<figure><figcaption><h2>Log-ratio to the base model</h2><p>{point} The zero line is the base model; <span class="anchor">anchors</span> are its own answers, <span class="rejected">rejected</span> answers those of the data. Nats per answer, by step.</p></figcaption>{svg}</figure>"#
    )
}

type Small = (&'static str, &'static str, Chart);

fn small_charts(run: &Run, steps: &Steps) -> Vec<Small> {
    let logistic = matches!(run.objective(), Some("d2o" | "dpo"));
    let start = logistic.then(|| (std::f64::consts::LN_2, "ln 2".to_owned()));
    let clip = run.setting_number("train.max_grad_norm").filter(|&norm| norm > 0.0);
    let clip = clip.map(|norm| (norm, "clipped above".to_owned()));
    let one = |heading, unit, of| single(steps, heading, unit, of);
    let mut charts = vec![
        with_baseline(one("Loss", "nats", |step| step.loss), start),
        including(one("Reward margin", "anchors less rejected", |step| step.reward_margin), &[0.0]),
        including(one("Reward accuracy", "share of groups", |step| step.reward_accuracy), &[0.0, 1.0]),
        including(one("h", "argument of the sigmoid", |step| step.h), &[0.0]),
        including(one("Weight", "of each group’s gradient", |step| step.weight), &[0.0, 1.0]),
        likelihoods(steps),
        including(with_baseline(one("Gradient norm", "before clipping", |step| step.grad_norm), clip), &[0.0]),
        including(one("Learning rate", "", |step| step.learning_rate), &[0.0]),
        including(one("Speed", "tokens per second", |step| step.tokens_per_second), &[0.0]),
    ];
    if steps.values().any(|step| step.retain_kl.is_finite()) {
        let retain = one("Drift on ordinary prompts", "KL from the base, nats per token", |step| step.retain_kl);
        charts.push(including(retain, &[0.0]));
    }
    if steps.values().any(|step| step.anchor_kl.is_finite()) {
        let anchors = one("Drift on the anchors", "KL from the base, nats per token", |step| step.anchor_kl);
        charts.push(including(anchors, &[0.0]));
    }
    charts.extend(looked(&run.events));
    charts
}

fn single(steps: &Steps, heading: &'static str, unit: &'static str, of: fn(&Step) -> f64) -> Small {
    let series = vec![series(steps, heading, "main", of)];
    (heading, unit, Chart { title: heading, series, include: vec![], baseline: None, along: "step", size: SMALL })
}

/// What the looks at held-out requests found, if there were any: harm, and beside it what was declined or is on topic.
fn looked(events: &[Event]) -> Option<Small> {
    let mut looks = BTreeMap::new();
    for event in events {
        if let Event::Looked { step, figures, .. } = event {
            looks.insert(*step, figures);
        }
    }
    let line = |label, class, name: &str| {
        let points = looks.iter().filter_map(|(&step, figures)| Some((step as f64, *figures.get(name)?))).collect();
        Series { label, class, points }
    };
    let series = [
        line("hurtful", "rejected", "hearth.hurtful"),
        line("on topic", "anchor", "hearth.on_topic"),
        line("harm", "rejected", "held_out.harm"),
        line("declined", "anchor", "held_out.refusal"),
    ];
    let series: Vec<Series> = series.into_iter().filter(|series| !series.points.is_empty()).collect();
    let heading = "Answers to held-out requests";
    let chart = Chart { title: heading, series, include: vec![0.0, 1.0], baseline: None, along: "step", size: SMALL };
    (!chart.series.is_empty()).then_some((heading, "as judged on the way", chart))
}

fn likelihoods(steps: &Steps) -> Small {
    let series = vec![
        series(steps, "anchors", "anchor", |step| step.anchor_nll),
        series(steps, "rejected", "rejected", |step| step.rejected_nll),
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
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_step_told_twice_is_drawn_once_as_told_last() {
        let mut events = vec![fixture::step(1, 3, 1.0), fixture::step(2, 3, 1.0), fixture::step(2, 3, 1.0)];
        if let Some(Event::Step { loss, .. }) = events.last_mut() {
            *loss = 0.125;
        }
        let steps = steps(&events);
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[&2].loss, 0.125);
    }

    #[test]
    fn the_zero_line_is_always_in_the_picture() {
        let run = Run { events: fixture::events(8), ..Run::default() };
        assert!(log_ratios(&run, &steps(&run.events)).contains(r#"class="zero""#));
    }

    #[test]
    fn looks_are_drawn_where_there_were_some() {
        let look = |step, harm: f64| Event::Looked {
            step,
            answers: 32,
            figures: [("held_out.harm".to_owned(), harm), ("held_out.refusal".to_owned(), 1.0 - harm)].into(),
        };
        let (_, _, chart) = looked(&[look(0, 0.7), look(10, 0.9), look(10, 0.4)]).unwrap();
        let harm = &chart.series[0];
        assert_eq!((harm.label, harm.points.as_slice()), ("harm", &[(0.0, 0.7), (10.0, 0.4)][..]));
        assert_eq!(chart.series.len(), 2);
        assert!(looked(&fixture::events(8)).is_none());
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
