//! The record of a run: stages, stop rules, warnings, settings, and what the report lacks.

use std::collections::BTreeMap;

use d2o_record::{Event, stage};
use maud::{Markup, html};

use crate::escape::Plain;
use crate::number::{count, counted, duration, figure};
use crate::run::Run;

/// A banner where the run did not take all of its steps.
pub(crate) fn ending(run: &Run) -> Markup {
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
    html! { @if !text.is_empty() { p class={ "banner " (class) } { (Plain(&text)) } } }
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
pub(crate) fn render(run: &Run) -> Markup {
    html! {
        section {
            h2 { "Record" }
            div.halves { (stages(run)) (guards(run)) }
            (warnings(run))
            (settings(run))
            (notes(run))
        }
    }
}

/// A row about a stage: its name, how long it took, what it made.
struct Stage {
    name: String,
    took: String,
    detail: String,
}

impl Stage {
    fn of(event: &Event) -> Option<Self> {
        let (name, took, detail) = match event {
            Event::StageFinished { stage, wall_s, detail } => (stage.as_str(), duration(*wall_s), detail.clone()),
            Event::StageSkipped { stage, reason } => (stage.as_str(), "–".to_owned(), format!("skipped: {reason}")),
            Event::RunStarted { resumed_from: Some(step), .. } => {
                (stage::TRAIN, String::new(), format!("resumed from step {}", count(*step as u64)))
            }
            _ => return None,
        };
        Some(Self { name: name.to_owned(), took, detail })
    }
}

fn stages(run: &Run) -> Markup {
    let mut rows: Vec<Stage> = run.events.iter().filter_map(Stage::of).collect();
    rows.extend(redrawn(run));
    rows.extend(peak_memory(run).map(|peak| Stage {
        name: "memory".to_owned(),
        took: format!("{} MiB", figure(peak)),
        detail: "most while training".to_owned(),
    }));
    if rows.is_empty() {
        return html! {};
    }
    html! {
        figure {
            figcaption { b { "Stages" } }
            table.counts {
                tbody {
                    @for Stage { name, took, detail } in &rows {
                        tr { td { (Plain(name)) } td.r { (took) } td.wide { (Plain(detail)) } }
                    }
                }
            }
        }
    }
}

/// How often the policy drew anchors anew, if it did.
fn redrawn(run: &Run) -> Option<Stage> {
    let (mut draws, mut fresh, mut thrown, mut left, mut seconds) = (0, 0, 0, 0, 0.0);
    for event in &run.events {
        if let Event::AnchorsRedrawn { anchors, dropped, left_to_the_store, wall_s, .. } = event {
            draws += 1;
            (fresh, thrown, left) = (fresh + anchors, thrown + dropped, left + left_to_the_store);
            seconds += wall_s;
        }
    }
    if draws == 0 {
        return None;
    }
    let detail = format!(
        "drawn anew {} by the policy: {}, {} dropped; the store served {}",
        counted(draws, "time", "times"),
        counted(fresh, "anchor", "anchors"),
        counted(thrown, "draft", "drafts"),
        counted(left, "group", "groups")
    );
    Some(Stage { name: stage::ANCHORS.to_owned(), took: duration(seconds), detail })
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

fn guards(run: &Run) -> Markup {
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
        return html! { figure { figcaption { b { "Stop rules" } } p.absent { "None was set." } } };
    }
    html! {
        figure {
            figcaption { b { "Stop rules" } " " span { "last value" } }
            table.counts { tbody { @for (name, guard) in &guards { (guard.row(name)) } } }
        }
    }
}

impl Guarded {
    fn row(&self, name: &str) -> Markup {
        let (class, outcome) = match self.tripped {
            Some(step) => ("bad", format!("tripped at step {}", count(step as u64))),
            None => ("unclear", format!("held at {}", counted(self.looks, "look", "looks"))),
        };
        html! {
            tr {
                td { (Plain(&name.replace('_', " "))) }
                td.r { (figure(self.last)) }
                td.r { "limit " (figure(self.limit)) }
                td class=(class) { (outcome) }
            }
        }
    }
}

fn warnings(run: &Run) -> Markup {
    let messages = run.events.iter().filter_map(|event| match event {
        Event::Warning { message } => Some(message.as_str()),
        _ => None,
    });
    list("Warnings", &messages.collect::<Vec<_>>())
}

fn notes(run: &Run) -> Markup {
    list("Missing here", &run.notes.iter().map(String::as_str).collect::<Vec<_>>())
}

fn list(heading: &str, items: &[&str]) -> Markup {
    html! {
        @if !items.is_empty() {
            h3 { (heading) }
            ul.notes { @for item in items { li { (Plain(item)) } } }
        }
    }
}

fn settings(run: &Run) -> Markup {
    html! {
        @if let Some(text) = &run.config_text {
            details.settings {
                summary { b { "Settings" } span.marks { "run.toml, from which this run can be repeated" } }
                pre { (Plain(text)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use d2o_testing::run as fixture;

    use super::*;

    fn ending_of(events: Vec<Event>) -> String {
        ending(&Run { events, ..Run::default() }).into_string()
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
        let html = guards(&Run { events, ..Run::default() }).into_string();
        assert!(html.contains("max anchor kl") && html.contains("tripped at step 3"), "{html}");
        assert!(html.contains("4.00") && html.contains("limit 2.50"), "{html}");
    }
}
