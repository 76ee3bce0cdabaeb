use std::fs;
use std::path::Path;

use d2o_record::{Event, JsonLines, Observer};
use d2o_testing::run;

use super::*;

mod browser;

/// What no text from outside may bring into the page.
const HOSTILE: &str = "</title></style><script>alert(\"x\")</script><img src=x onerror='y'>\u{0}\u{1b}[2J\u{202e}&";

fn report(dir: &Path) -> String {
    let path = write(dir).unwrap();
    assert_eq!(path, dir.join("report.html"));
    fs::read_to_string(path).unwrap()
}

/// The page is inert: what stands between its tags was escaped, and it asks for nothing.
fn assert_inert(html: &str) {
    for forbidden in ["<script", "<img", "<iframe", "<link", "javascript:", "http://", "https://", "url(", "@import"] {
        assert!(!html.to_lowercase().contains(forbidden), "{forbidden} in the page");
    }
    // No attribute runs anything. Values stand in double quotes, which nothing inside can close.
    for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let outside_quotes: String = tag.split('"').step_by(2).collect();
        assert!(!outside_quotes.contains(" on"), "<{tag}>");
    }
    assert!(html.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
    assert!(!html.contains('\u{202e}'));
    assert!(html.contains("default-src 'none'"));
    for undrawn in ["NaN", "inf\""] {
        assert!(!html.contains(undrawn), "{undrawn} in the page");
    }
}

/// Every element that is opened is closed, in order.
fn assert_balanced(html: &str) {
    let body = html.split("</style>").nth(1).unwrap();
    let mut open = vec!["html", "head"];
    for tag in body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_full_run_has_all_its_parts() {
    let dir = tempfile::tempdir().unwrap();
    fixture::write(dir.path());
    let html = report(dir.path());
    assert_inert(&html);
    assert_balanced(&html);
    for part in [
        "<h1>smollm2-135m-instruct</h1>",
        "D²O β 0.1 α 0.02",
        "pyrit/harm/*.csv",
        "28.3 M of its 135 M parameters were trained",
        "60 optimizer steps, 2 passes over the data, took 4 min 06 s",
        "Judged harm",
        "Harmful prompts refused",
        "55.0 %",
        "−0.287<small>−0.328 to −0.246</small>",
        "no clear change",
        "intervals overlap",
        "Log-ratio to the base model",
        "Reward margin",
        "judges’ AUC: characters 0.842 · words 0.871",
        "20 pairs",
        "resumed from step 30",
        "held at 1 look",
        "max_grad_norm = 1.0",
    ] {
        assert!(html.contains(part), "{part} is not in the page");
    }
    assert!(!html.contains("Missing here"));
    // The key plot, nine small ones and the lengths.
    assert_eq!(html.matches(r#"<svg class="chart""#).count(), 11);
}

#[test]
fn the_same_run_gives_the_same_report() {
    let dir = tempfile::tempdir().unwrap();
    fixture::write(dir.path());
    assert_eq!(report(dir.path()), report(dir.path()));
}

#[test]
fn an_empty_run_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let html = report(dir.path());
    assert_inert(&html);
    assert_balanced(&html);
    for name in ["run.toml", "events.jsonl", "eval.json", "answers.jsonl", "anchors/manifest.json"] {
        assert!(html.contains(&format!("<li>{name} is not there; ")), "{name}");
    }
    assert!(html.contains("Training has not begun."));
}

#[test]
fn a_run_without_evaluation_still_has_curves() {
    let dir = tempfile::tempdir().unwrap();
    fixture::write(dir.path());
    fs::remove_file(dir.path().join("eval.json")).unwrap();
    let html = report(dir.path());
    assert!(html.contains("Log-ratio to the base model"));
    assert!(html.contains("This run has not been evaluated."));
    assert!(html.contains("<li>eval.json is not there"));
    assert_balanced(&html);
}

#[test]
fn damaged_parts_are_named_and_the_rest_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    fixture::write(dir.path());
    fs::write(dir.path().join("eval.json"), "{\"before\": 3").unwrap();
    let events = fs::read_to_string(dir.path().join("events.jsonl")).unwrap();
    fs::write(dir.path().join("events.jsonl"), format!("{events}{{\"event\":\"st")).unwrap();
    fs::write(dir.path().join("run.toml"), [b'a', 0xff, b'=']).unwrap();
    let html = report(dir.path());
    assert!(html.contains("eval.json cannot be read"));
    // The run has 75 events; the line that was cut is the next one.
    assert!(html.contains("events.jsonl:76: not legible, as 1 line is in all; left out"), "no line named");
    assert!(html.contains("run.toml is not valid TOML"));
    assert!(html.contains("Log-ratio to the base model"));
    assert_inert(&html);
}

#[test]
fn hostile_text_is_inert_wherever_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    fixture::write_with_text(dir.path(), HOSTILE);
    let html = report(dir.path());
    assert_inert(&html);
    assert_balanced(&html);
    // It is all there, as text: two metrics in label and title, eight texts of answers, and more.
    assert!(html.matches("alert(&quot;x&quot;)").count() >= 20);
}

#[test]
fn steps_without_numbers_draw_no_curve_and_break_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut lines = JsonLines::create(&dir.path().join("events.jsonl")).unwrap();
    for number in 1..=4 {
        let mut event = run::step(number, 4, 0.0);
        if let Event::Step { figures, .. } = &mut event {
            (figures.loss, figures.anchor_log_ratio, figures.rejected_log_ratio) = (f64::NAN, f64::INFINITY, f64::NAN);
        }
        lines.observe(&event).unwrap();
    }
    let html = report(dir.path());
    assert_inert(&html);
    // Loss, log-ratios and speed (in no time) are left out; seven small plots remain.
    assert_eq!(html.matches(r#"<svg class="chart""#).count(), 7);
}

#[test]
fn what_is_no_directory_is_refused_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let error = write(&dir.path().join("nowhere")).unwrap_err();
    assert!(error.to_string().ends_with("nowhere: not a directory"), "{error}");
    assert!(error.hint().is_some());
}
