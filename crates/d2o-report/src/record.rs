//! The record of a run: stages, stop rules, warnings, settings, and what the report lacks.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::report::escape::escape;
use crate::report::number::{count, counted, figure};
use crate::report::run::Run;
use crate::events::Event;
use crate::observe::duration;

/// A banner where the run did not take all of its steps.
pub(super) fn ending(run: &Run) -> String {
    let mut finished = false;
    let (class, text) = run
        .events
        .iter()
        .rev()
        .find_map(|event| match event {
            Event::Finished { .. } => {
                finished = true;
                None
            }
            // What happened before training was finished does not end it, but for a stop rule.
            Event::Stopped { step, reason } => Some(("stopped", stopped(*step, reason))),
            Event::Interrupted { step } if !finished => Some(("interrupted", interrupted(*step))),
            Event::Step { step, steps, .. } if !finished && step < steps => {
                Some(("interrupted", broken_off(*step, *steps)))
            }
            Event::Step { .. } | Event::Interrupted { .. } => Some(("", String::new())),
            _ => None,
        })
        .unwrap_or_default();
    if text.is_empty() {
        return String::new();
    }
    format!(r#"<p class="banner {class}">{}</p>"#, escape(&text))
}

fn stopped(step: usize, reason: &str) -> String {
    format!("Training was stopped after step {}: {reason}.", count(step as u64))
}

fn interrupted(step: usize) -> String {
    format!("Training was interrupted after step {} and can be resumed.", count(step as u64))
}

fn broken_off(step: usize, steps: usize) -> String {
    format!(
        "The record ends at step {} of {}: training was still going on, or was cut off and can be resumed.",
        count(step as u64),
        count(steps as u64)
    )
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
            Event::StageFinished { stage, wall_s, detail } => (stage.as_str(), duration(*wall_s), detail.clone()),
            Event::StageSkipped { stage, reason } => (stage.as_str(), "–".to_owned(), format!("skipped: {reason}")),
            Event::RunStarted { resumed_from: Some(step), .. } => {
                ("train", String::new(), format!("resumed from step {}", count(*step as u64)))
            }
            _ => continue,
        };
        let (stage, detail) = (escape(stage), escape(&detail));
        let _ = write!(rows, r#"<tr><td>{stage}</td><td class="r">{time}</td><td class="wide">{detail}</td></tr>"#);
    }
    rows += &redrawn(run);
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

/// How often the policy drew anchors anew, if it did.
fn redrawn(run: &Run) -> String {
    let (mut draws, mut fresh, mut thrown, mut left, mut seconds) = (0, 0, 0, 0, 0.0);
    for event in &run.events {
        if let Event::AnchorsRedrawn { anchors, dropped, left_to_the_store, wall_s, .. } = event {
            draws += 1;
            (fresh, thrown, left) = (fresh + anchors, thrown + dropped, left + left_to_the_store);
            seconds += wall_s;
        }
    }
    if draws == 0 {
        return String::new();
    }
    let detail = format!(
        "drawn anew {} by the policy: {}, {} dropped; the store served {}",
        counted(draws, "time", "times"),
        counted(fresh, "anchor", "anchors"),
        counted(thrown, "draft", "drafts"),
        counted(left, "group", "groups")
    );
    format!(r#"<tr><td>anchors</td><td class="r">{}</td><td class="wide">{detail}</td></tr>"#, duration(seconds))
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
        if let Event::Guard { step, name, value, limit, tripped } = event {
            let guard = guards.entry(name).or_default();
            guard.looks += 1;
            (guard.last, guard.limit) = (*value, *limit);
            guard.tripped = guard.tripped.or(tripped.then_some(*step));
        }
    }
    if guards.is_empty() {
        return r#"<figure><figcaption><b>Stop rules</b></figcaption><p class="absent">None was set.</p></figure>"#
            .to_owned();
    }
    let mut rows = String::new();
    for (name, guard) in &guards {
        let (class, outcome) = match guard.tripped {
            Some(step) => ("bad", format!("tripped at step {}", count(step as u64))),
            None => ("unclear", format!("held at {}", counted(guard.looks, "look", "looks"))),
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
    let items: Vec<String> = run.notes.iter().map(|note| format!("<li>{}</li>", escape(note))).collect();
    list("Missing here", &items)
}

fn list(heading: &str, items: &[String]) -> String {
    if items.is_empty() {
        String::new()
    } else {
        format!(r#"<h3>{heading}</h3><ul class="notes">{}</ul>"#, items.concat())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn ending_of(events: Vec<Event>) -> String {
        ending(&Run { events, ..Run::default() })
    }

    #[test]
    fn a_stop_shows_although_training_then_finishes() {
        let stop = Event::Stopped { step: 2, reason: "too far".to_owned() };
        let finish = Event::Finished { steps: 2, wall_s: 1.0 };
        let events = vec![fixture::step(2, 9, 1.0), stop, finish];
        assert!(ending_of(events).contains("stopped after step 2: too far."));
    }

    #[test]
    fn an_interruption_shows_until_the_run_goes_on() {
        let interrupted = Event::Interrupted { step: 2 };
        let mut events = vec![fixture::step(2, 3, 1.0), interrupted];
        assert!(ending_of(events.clone()).contains("interrupted after step 2"));
        events.push(fixture::step(3, 3, 1.0));
        assert_eq!(ending_of(events), "");
    }

    #[test]
    fn a_record_that_breaks_off_says_so() {
        let events = vec![fixture::step(1, 3, 1.0), fixture::step(2, 3, 1.0)];
        assert!(ending_of(events).contains("ends at step 2 of 3"));
        assert_eq!(ending_of(fixture::events(5)), "");
    }

    #[test]
    fn a_guard_that_tripped_says_where_it_first_did() {
        let guard = |step, tripped| Event::Guard {
            step,
            name: "max_anchor_kl".to_owned(),
            value: step as f64,
            limit: 2.5,
            tripped,
        };
        let events = vec![guard(2, false), guard(3, true), guard(4, true)];
        let html = guards(&Run { events, ..Run::default() });
        assert!(html.contains("max anchor kl") && html.contains("tripped at step 3"), "{html}");
        assert!(html.contains("4.00") && html.contains("limit 2.50"), "{html}");
    }
}
