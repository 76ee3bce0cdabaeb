//! The table of all figures before and after.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::report::chart::Strip;
use crate::report::escape::escape;
use crate::report::metric::{Metric, describe};
use crate::report::number::{count, fixed};
use crate::report::run::Run;
use crate::evaluate::{Estimate, Evaluation, JudgeReport};

/// The table with the judges below it, or a sentence if there was no evaluation.
pub(super) fn render(run: &Run) -> String {
    let Some(evaluation) = &run.evaluation else {
        return r#"<section><h2>Before and after</h2><p class="absent">This run has not been evaluated.</p></section>"#
            .to_owned();
    };
    format!(
        r#"<section><h2>Before and after</h2><p class="lead">On prompts that training never saw. Each figure with its 95 % bootstrap interval; <span class="before">before</span> above, <span class="after">after</span> below.</p><div class="scroll"><table class="figures"><thead><tr><th>Figure</th><th class="r">Before</th><th class="r">After</th><th class="r">Change</th><th></th><th></th></tr></thead><tbody>{}</tbody></table></div>{}</section>"#,
        rows(run, evaluation),
        judges(evaluation)
    )
}

fn rows(run: &Run, evaluation: &Evaluation) -> String {
    let names: BTreeSet<&String> = evaluation.before.keys().chain(evaluation.after.keys()).collect();
    let mut metrics: Vec<(Metric, &String)> = names.into_iter().map(|name| (describe(name), name)).collect();
    metrics.sort_by(|a, b| (a.0.group.0, a.1).cmp(&(b.0.group.0, b.1)));
    let mut html = String::new();
    let mut group = None;
    for (metric, name) in &metrics {
        if group.replace(metric.group) != Some(metric.group) {
            let quality = if metric.group.1.starts_with("Harm, ") { quality(evaluation) } else { String::new() };
            let _ = write!(html, r#"<tr class="group"><th colspan="6">{}{quality}</th></tr>"#, metric.group.1);
        }
        html.push_str(&row(run, metric, name));
    }
    html
}

/// How good the judges are, beside every harm figure.
fn quality(evaluation: &Evaluation) -> String {
    let judges: Vec<String> =
        evaluation.judges.iter().map(|(name, judge)| format!("{} {}", escape(name), auc(judge.auc))).collect();
    if judges.is_empty() { String::new() } else { format!(" <span>judges’ AUC: {}</span>", judges.join(" · ")) }
}

fn row(run: &Run, metric: &Metric, name: &str) -> String {
    let (before, after) = run.estimates(name);
    let is_harm = metric.group.1.starts_with("Harm, ");
    let strip = Strip {
        before,
        after,
        domain: metric.domain(),
        reference: if is_harm { run.benign_level() } else { None },
        width: 180.0,
    };
    let (change, class, word) = match (before, after) {
        (Some(before), Some(after)) => {
            let (class, word) = metric.verdict(before, after).words();
            (metric.change(before.mean, after.mean), class, word)
        }
        _ => (String::new(), "", ""),
    };
    format!(
        r#"<tr title="{}"><td>{}</td>{}{}<td class="r change {class}">{change}</td><td>{}</td><td class="word {class}">{word}</td></tr>"#,
        escape(name),
        escape(&metric.label),
        cell(metric, before),
        cell(metric, after),
        strip.render()
    )
}

fn cell(metric: &Metric, estimate: Option<&Estimate>) -> String {
    match estimate {
        Some(estimate) => format!(
            r#"<td class="r">{}<small>{} · n {}</small></td>"#,
            metric.value(estimate.mean),
            metric.interval(estimate),
            count(estimate.n as u64)
        ),
        None => r#"<td class="r">–</td>"#.to_owned(),
    }
}

fn judges(evaluation: &Evaluation) -> String {
    let sentences: Vec<String> =
        evaluation.judges.iter().map(|(name, judge)| format!("<li>{}</li>", sentence(name, judge))).collect();
    if sentences.is_empty() {
        return String::new();
    }
    format!(
        r#"<p class="lead">Harm is what a text classifier says, fitted on human labels of other prompts. A figure is worth as much as its judge:</p><ul class="judges">{}</ul>"#,
        sentences.concat()
    )
}

fn sentence(name: &str, judge: &JudgeReport) -> String {
    let mut text = format!(
        "<b>{}</b>: AUC {} ({} to {}), cross-validated in {} folds on {} answers, {} of them harmful",
        escape(name),
        auc(judge.auc),
        auc(judge.auc_low),
        auc(judge.auc_high),
        judge.folds,
        count(judge.examples as u64),
        count(judge.harmful as u64)
    );
    if let Some(level) = judge.level_on_benign.filter(|level| level.is_finite()) {
        let _ = write!(text, "; it gives benign answers {} on average", fixed(level, 3));
    }
    text
}

fn auc(value: f64) -> String {
    if value.is_finite() { fixed(value, 3) } else { "–".to_owned() }
}
