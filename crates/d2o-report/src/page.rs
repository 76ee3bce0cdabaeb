//! Puts the parts together.

use d2o_record::Event;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::escape::Plain;
use crate::run::Run;
use crate::{anchors, answers, curves, evaluation, record, summary, tiles};

/// Nothing but what stands in this file: no script, no connection, no form.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The whole page.
pub(crate) fn render(run: &Run) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (Plain(&summary::model(run))) " · D²O report" }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                main {
                    (summary::render(run))
                    (record::ending(run))
                    (tiles::render(run))
                    (curves::render(run))
                    (evaluation::render(run))
                    (answers::render(run))
                    (anchors::render(run))
                    (record::render(run))
                }
                footer { (footer(run)) }
            }
        }
    }
}

fn footer(run: &Run) -> Markup {
    let version = run.events.iter().rev().find_map(|event| match event {
        Event::RunStarted { version, .. } => Some(version),
        _ => None,
    });
    html! {
        "Drawn from the files in the run directory; this page loads nothing and runs nothing."
        @if let Some(version) = version { " · d2o " (Plain(version)) }
    }
}
