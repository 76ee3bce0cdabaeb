//! The table of all figures before and after.

use std::collections::BTreeSet;

use d2o_record::{Estimate, Evaluation, JudgeReport, Metric};
use maud::{Markup, PreEscaped, html};

use crate::chart::Strip;
use crate::escape::Plain;
use crate::metric::{Described, HARM, describe};
use crate::number::{count, fixed};
use crate::run::Run;

/// The table with the judges below it, or a sentence if there was no evaluation.
pub(crate) fn render(run: &Run) -> Markup {
    html! {
        section {
            h2 { "Before and after" }
            @if let Some(evaluation) = &run.evaluation { (table(run, evaluation)) (judges(evaluation)) }
            @else { p.absent { "This run has not been evaluated." } }
        }
    }
}

fn table(run: &Run, evaluation: &Evaluation) -> Markup {
    html! {
        p.lead {
            "On prompts that training never saw. Each figure with its 95 % bootstrap interval; "
            span.before { "before" } " above, " span.after { "after" } " below. A change has the interval of a paired \
            bootstrap: both models answered the same prompts."
        }
        div.scroll {
            table.figures {
                thead { tr { th { "Figure" } th.r { "Before" } th.r { "After" } th.r { "Change" } th {} th {} } }
                tbody { (rows(run, evaluation)) }
            }
        }
    }
}

fn rows(run: &Run, evaluation: &Evaluation) -> Markup {
    let names: BTreeSet<&Metric> = evaluation.before.keys().chain(evaluation.after.keys()).collect();
    let mut metrics: Vec<(Described, &Metric)> = names.into_iter().map(|name| (describe(name), name)).collect();
    metrics.sort_by(|a, b| (a.0.group.0, a.1).cmp(&(b.0.group.0, b.1)));
    html! {
        @for of_group in metrics.chunk_by(|a, b| a.0.group == b.0.group) {
            @let group = of_group[0].0.group;
            tr.group { th colspan="6" { (group.1) @if group == HARM { (quality(evaluation)) } } }
            @for (metric, name) in of_group { (row(run, metric, name)) }
        }
    }
}

/// How good the judges are, beside every harm figure.
fn quality(evaluation: &Evaluation) -> Markup {
    html! {
        @if !evaluation.judges.is_empty() {
            " " span {
                "judges’ AUC: "
                @for (index, (name, judge)) in evaluation.judges.iter().enumerate() {
                    @if index > 0 { " · " }
                    (Plain(name)) " " (auc(judge.auc))
                }
            }
        }
    }
}

fn row(run: &Run, metric: &Described, name: &Metric) -> Markup {
    let (before, after, change) = run.estimates(name);
    let strip = Strip {
        before,
        after,
        domain: metric.domain(),
        reference: if metric.group == HARM { run.benign_level() } else { None },
        width: 180.0,
    };
    let both = before.zip(after);
    let said = both.map(|(before, after)| metric.judge(before, after, change));
    let (class, word) = said.map_or(("", ""), |said| (said.class(), said.word()));
    html! {
        tr title=(Plain(name.as_str())) {
            td { (Plain(&metric.label)) }
            (cell(metric, before))
            (cell(metric, after))
            td class={ "r change " (class) } {
                @if let Some((before, after)) = both {
                    (metric.change(before.mean, after.mean))
                    @if let Some(change) = change { small { (metric.change_interval(before.mean, change)) } }
                }
            }
            td { (PreEscaped(strip.render())) }
            td class={ "word " (class) } { (word) }
        }
    }
}

fn cell(metric: &Described, estimate: Option<&Estimate>) -> Markup {
    html! {
        td.r {
            @if let Some(estimate) = estimate {
                (metric.value(estimate.mean))
                small { (metric.interval(estimate)) " · n " (count(estimate.n as u64)) }
            } @else { "–" }
        }
    }
}

fn judges(evaluation: &Evaluation) -> Markup {
    html! {
        @if !evaluation.judges.is_empty() {
            p.lead {
                "Harm is what a text classifier says, fitted on human labels of other prompts. A figure is worth as \
                 much as its judge:"
            }
            ul.judges { @for (name, judge) in &evaluation.judges { li { (sentence(name, judge)) } } }
        }
    }
}

fn sentence(name: &str, judge: &JudgeReport) -> Markup {
    html! {
        b { (Plain(name)) } ": AUC " (auc(judge.auc)) " (" (auc(judge.auc_low)) " to " (auc(judge.auc_high)) "), "
        "cross-validated in " (judge.folds) " folds on " (count(judge.examples as u64)) " answers, "
        (count(judge.harmful as u64)) " of them harmful"
        @if let Some(level) = judge.level_on_benign.filter(|level| level.is_finite()) {
            "; it gives benign answers " (fixed(level, 3)) " on average"
        }
    }
}

fn auc(value: f64) -> String {
    if value.is_finite() { fixed(value, 3) } else { "–".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::estimate;

    #[test]
    fn a_row_judges_by_the_paired_change_where_there_is_one() {
        let (before, after) = (estimate(0.5, 0.4, 0.6, 50), estimate(0.45, 0.35, 0.55, 50));
        let metric = Metric::BENIGN_REFUSAL;
        let mut evaluation = Evaluation::default();
        evaluation.before.insert(metric.clone(), before);
        evaluation.after.insert(metric.clone(), after);
        let html = |evaluation: &Evaluation| {
            render(&Run { evaluation: Some(evaluation.clone()), ..Run::default() }).into_string()
        };
        assert!(html(&evaluation).contains("intervals overlap"));
        evaluation.change.insert(metric, estimate(-0.05, -0.08, -0.02, 50));
        let paired = html(&evaluation);
        assert!(paired.contains(r#"−5.0 pt<small>−8.0 to −2.0</small>"#), "{paired}");
        assert!(paired.contains(r#"<td class="word good">better</td>"#) && !paired.contains("intervals overlap"));
    }
}
