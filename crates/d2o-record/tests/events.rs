//! What a line of `events.jsonl` says.

use d2o_record::{Event, JsonLines, Observer, jsonl};
use serde_json::json;

/// A step as it was written before its figures became a struct of their own.
const STEP: &str = r#"{"event":"step","step":3,"steps":30,"epoch":0.2,"loss":0.5,"h":0.4,"weight":0.3,"anchor_log_ratio":-0.5,"rejected_log_ratio":-8.0,"reward_accuracy":0.75,"reward_margin":1.25,"anchor_nll":1.5,"rejected_nll":null,"grad_norm":0.9,"retain_kl":0.01,"clipped":false,"learning_rate":0.00005,"tokens":3000,"wall_s":2.0,"cpu_s":3.5,"rss_mb":812.5}"#;

#[test]
fn every_event_survives_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let events = d2o_testing::run::events(3);
    let mut lines = JsonLines::create(&path).unwrap();
    for event in &events {
        lines.observe(event).unwrap();
    }
    assert_eq!(jsonl::read(&path).unwrap(), events);
}

#[test]
fn a_step_is_read_and_written_field_by_field_as_ever() {
    let event: Event = serde_json::from_str(STEP).unwrap();
    let Event::Step { step, figures, tokens, .. } = &event else {
        panic!("{event:?}");
    };
    assert_eq!((*step, *tokens, figures.loss, figures.reward_margin), (3, 3000, 0.5, 1.25));
    assert!(figures.rejected_nll.is_nan());
    assert_eq!((figures.retain_kl, figures.anchor_kl), (Some(0.01), None));
    assert_eq!(serde_json::to_string(&event).unwrap(), STEP);
}

#[test]
fn a_step_that_lacks_a_figure_is_no_step() {
    let line = STEP.replace(r#""loss":0.5,"#, "");
    assert!(serde_json::from_str::<Event>(&line).is_err());
}

#[test]
fn a_periodic_evaluation_keeps_its_tag() {
    let line = r#"{"event":"looked","step":12,"answers":32,"figures":{"held_out.harm":0.25,"held_out.refusal":null}}"#;
    let event: Event = serde_json::from_str(line).unwrap();
    assert!(matches!(&event, Event::Evaluated { figures, .. } if figures["held_out.harm"] == 0.25));
    assert_eq!(serde_json::to_string(&event).unwrap(), line);
    assert_eq!(event.step(), Some(12));
}

#[test]
fn tags_are_those_that_scripts_know() {
    let tags: Vec<String> = d2o_testing::run::events(2)
        .iter()
        .map(|event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
    let expected = json!([
        "stage_skipped",
        "stage_started",
        "progress",
        "stage_finished",
        "stage_started",
        "run_started",
        "step",
        "interrupted",
        "run_started",
        "step",
        "guard",
        "guard",
        "checkpoint",
        "warning",
        "finished",
        "stage_finished",
        "stage_finished"
    ]);
    assert_eq!(json!(tags), expected);
}
