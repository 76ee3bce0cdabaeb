//! Puts the parts together.

use crate::report::escape::escape;
use crate::report::run::Run;
use super::{anchors, answers, curves, evaluation, record, summary, tiles};
use crate::events::Event;

/// Nothing but what stands in this file: no script, no connection, no form.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The whole page.
pub(super) fn render(run: &Run) -> String {
    let body = [
        summary::render(run),
        record::ending(run),
        tiles::render(run),
        curves::render(run),
        evaluation::render(run),
        answers::render(run),
        anchors::render(run),
        record::render(run),
    ];
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{} · D²O report</title>
<style>
{}</style>
</head>
<body>
<main>
{}
</main>
<footer>{}</footer>
</body>
</html>
"#,
        escape(&summary::model(run)),
        include_str!("style.css"),
        body.join("\n"),
        footer(run)
    )
}

fn footer(run: &Run) -> String {
    let version = run.events.iter().rev().find_map(|event| match event {
        Event::RunStarted { version, .. } => Some(escape(version)),
        _ => None,
    });
    let version = version.map_or(String::new(), |version| format!(" · d2o {version}"));
    format!("Drawn from the files in the run directory; this page loads nothing and runs nothing.{version}")
}
