//! The record of a run: stages, stop rules, warnings, settings, and what the report lacks.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::escape::escape;
use super::number::{count, figure};
use super::run::Run;
use crate::events::Event;
use crate::observe::duration;

/// A banner where the run did not end by itself.
pub(super) fn ending(run: &Run) -> String {
    let last = run.events.iter().rev().find_map(|event| match event {
        Event::Stopped { step, reason } => Some((
            "stopped",
            format!(
                "Training was stopped after step {}: {reason}.",
                count(*step as u64)
            ),
        )),
        Event::Interrupted { step } => Some((
            "interrupted",
            format!(
                "Training was interrupted after step {} and can be resumed.",
                count(*step as u64)
            ),
        )),
        Event::Finished { .. } | Event::Step { .. } => Some(("", String::new())),
        _ => None,
    });
    match last {
        Some((class, text)) if !text.is_empty() => {
            format!(r#"<p class="banner {class}">{}</p>"#, escape(&text))
        }
        _ => String::new(),
    }
}

/// Everything below the answers.
pub(super) fn render(run: &Run) -> String {
    format!(
        r#"<section><h2>Record</h2><div class="halves">{}{}</div>{}{}{}</section>"#,
        stages(run),
        guards(run),
        warnings(run),
        settings(run),
        notes(run)
    )
}

fn stages(run: &Run) -> String {
    let mut rows = String::new();
    for event in &run.events {
        let (stage, time, detail) = match event {
            Event::StageFinished {
                stage,
                wall_s,
                detail,
            } => (stage.as_str(), duration(*wall_s), detail.clone()),
            Event::StageSkipped { stage, reason } => {
                (stage.as_str(), "–".to_owned(), format!("skipped: {reason}"))
            }
            Event::RunStarted {
                resumed_from: Some(step),
                ..
            } => (
                "train",
                String::new(),
                format!("resumed from step {}", count(*step as u64)),
            ),
            _ => continue,
        };
        let (stage, detail) = (escape(stage), escape(&detail));
        let _ = write!(
            rows,
            r#"<tr><td>{stage}</td><td class="r">{time}</td><td class="wide">{detail}</td></tr>"#
        );
    }
    if let Some(peak) = peak_memory(run) {
        let _ = write!(
            rows,
            r#"<tr><td>memory</td><td class="r">{} MiB</td><td class="wide">most while training</td></tr>"#,
            figure(peak)
        );
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        r#"<figure><figcaption><b>Stages</b></figcaption><table class="counts"><tbody>{rows}</tbody></table></figure>"#
    )
}

fn peak_memory(run: &Run) -> Option<f64> {
    let sizes = run.events.iter().filter_map(|event| match event {
        Event::Step { rss_mb, .. } if rss_mb.is_finite() && *rss_mb > 0.0 => Some(*rss_mb),
        _ => None,
    });
    sizes.reduce(f64::max)
}

#[derive(Default)]
struct Guarded {
    looks: usize,
    last: f64,
    limit: f64,
    tripped: Option<usize>,
}

fn guards(run: &Run) -> String {
    let mut guards: BTreeMap<&str, Guarded> = BTreeMap::new();
    for event in &run.events {
        if let Event::Guard {
            step,
            name,
            value,
            limit,
            tripped,
        } = event
        {
            let guard = guards.entry(name).or_default();
            guard.looks += 1;
            (guard.last, guard.limit) = (*value, *limit);
            guard.tripped = guard.tripped.or(tripped.then_some(*step));
        }
    }
    if guards.is_empty() {
        return r#"<figure><figcaption><b>Stop rules</b></figcaption><p class="absent">None was set.</p></figure>"#.to_owned();
    }
    let mut rows = String::new();
    for (name, guard) in &guards {
        let (class, outcome) = match guard.tripped {
            Some(step) => ("bad", format!("tripped at step {}", count(step as u64))),
            None => (
                "unclear",
                format!("held, {} times", count(guard.looks as u64)),
            ),
        };
        let _ = write!(
            rows,
            r#"<tr><td>{}</td><td class="r">{}</td><td class="r">limit {}</td><td class="{class}">{outcome}</td></tr>"#,
            escape(&name.replace('_', " ")),
            figure(guard.last),
            figure(guard.limit)
        );
    }
    format!(
        r#"<figure><figcaption><b>Stop rules</b> <span>last value</span></figcaption><table class="counts"><tbody>{rows}</tbody></table></figure>"#
    )
}

fn warnings(run: &Run) -> String {
    let items: Vec<String> = run
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Warning { message } => Some(format!("<li>{}</li>", escape(message))),
            _ => None,
        })
        .collect();
    list("Warnings", &items)
}

fn notes(run: &Run) -> String {
    let items: Vec<String> = run
        .notes
        .iter()
        .map(|note| format!("<li>{}</li>", escape(note)))
        .collect();
    list("Missing here", &items)
}

fn list(heading: &str, items: &[String]) -> String {
    if items.is_empty() {
        String::new()
    } else {
        format!(
            r#"<h3>{heading}</h3><ul class="notes">{}</ul>"#,
            items.concat()
        )
    }
}

fn settings(run: &Run) -> String {
    match &run.config_text {
        Some(text) => format!(
            r#"<details class="settings"><summary><b>Settings</b><span class="marks">run.toml, from which this run can be repeated</span></summary><pre>{}</pre></details>"#,
            escape(text)
        ),
        None => String::new(),
    }
}
