//! What is scored: behind which prompt, and how much of an answer.

use std::fs;

use serde_json::{Value, json};

use crate::tiny::{World, said};

/// The groups of a run's store.
fn groups(world: &World, out: &str) -> Vec<Value> {
    let text = fs::read_to_string(world.path(out).join("anchors/anchors.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Three steps with these instructions and keys.
fn trained(world: &World, out: &str, instructions: &str, keys: &[&str]) {
    let instructions = format!("anchors.instructions={instructions}");
    let mut set = vec!["--set", &instructions, "--set", "train.steps=3", "--set", "anchors.k=3"];
    keys.iter().for_each(|&key| set.extend(["--set", key]));
    world.trained(out, &set);
}

fn anchors(group: &Value, of: impl Fn(&Value) -> Value) -> Vec<Value> {
    group["anchors"].as_array().unwrap().iter().map(|anchor| of(&anchor["answer"])).collect()
}

const TWO: &str = r#"[{ user = "Kindly: {prompt}" }, { user = "{prompt} Please." }]"#;

#[test]
fn each_side_has_its_own() {
    let world = World::new();
    trained(&world, "bare", TWO, &[]);
    trained(&world, "anchors", TWO, &["anchors.reference=instructed"]);
    trained(&world, "rejected", TWO, &["anchors.rejected_reference=instructed"]);
    let [bare, of_anchors, of_rejected] = ["bare", "anchors", "rejected"].map(|out| groups(&world, out));
    let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-4;
    for ((bare, one), other) in bare.iter().zip(&of_anchors).zip(&of_rejected) {
        let ids = |group| anchors(group, |answer| answer["ids"].clone());
        let scores = |group| anchors(group, |answer| answer["reference"].clone());
        assert!(ids(bare) == ids(one) && ids(bare) == ids(other), "the drafts are the same");
        assert!(scores(bare).iter().zip(&scores(one)).all(|(a, b)| !near(a, b)));
        assert!(scores(bare).iter().zip(&scores(other)).all(|(a, b)| near(a, b)));
        assert!(near(&bare["rejected"]["reference"], &one["rejected"]["reference"]));
        assert!(!near(&bare["rejected"]["reference"], &other["rejected"]["reference"]));
    }
    // With one reference the first loss is ln 2; with two it is not.
    let first = |out: &str| world.figures(out, "loss")[0] - std::f64::consts::LN_2;
    assert!(first("bare").abs() < 1e-6);
    assert!(first("anchors").abs() > 1e-5 && first("rejected").abs() > 1e-5);
}

#[test]
fn an_instruction_that_says_nothing_is_no_second_reference() {
    let world = World::new();
    let keys = ["anchors.reference=instructed", "anchors.rejected_reference=instructed"];
    trained(&world, "same", r#"[{ user = "{prompt}" }]"#, &keys);
    assert!((world.figures("same", "loss")[0] - std::f64::consts::LN_2).abs() < 1e-6);
}

#[test]
fn the_rejected_answer_s_is_the_mixture_of_the_slots() {
    let world = World::new();
    trained(&world, "out", TWO, &["anchors.rejected_reference=instructed"]);
    let groups = groups(&world, "out");
    let row = |group: &Value, before: &str, behind: &str| {
        let prompt = format!("{before}{}{behind}", group["prompt"][0]["content"].as_str().unwrap());
        json!({"id": group["id"], "prompt": prompt, "response": group["rejected"]["text"]}).to_string()
    };
    let rows: Vec<String> =
        groups.iter().flat_map(|group| [row(group, "Kindly: ", ""), row(group, "", " Please.")]).collect();
    fs::write(world.path("asked.jsonl"), rows.join("\n")).unwrap();
    let output = world.d2o(&["score", "--model", "model", "--data", "asked.jsonl", "--chat"]);
    assert!(output.status.success(), "{}", said(&output));
    let scores: Vec<f64> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["log_prob"].as_f64().unwrap())
        .collect();
    assert_eq!(scores.len(), 2 * groups.len());
    for (group, pair) in groups.iter().zip(scores.chunks(2)) {
        // Slots 0 and 2 have the first instruction, slot 1 the second: (2 p_0 + p_1) / 3.
        let expected = ((2.0 * pair[0].exp() + pair[1].exp()) / 3.0).ln();
        let found = group["rejected"]["reference"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}

#[test]
fn of_a_rejected_answer_the_beginning_can_be_all_that_counts() {
    let world = World::new();
    trained(&world, "whole", TWO, &[]);
    trained(&world, "beginnings", TWO, &["data.max_rejected_tokens=3"]);
    let ids = |group: &Value| -> Vec<u64> { serde_json::from_value(group["rejected"]["ids"].clone()).unwrap() };
    let drafts = |group| anchors(group, |answer| answer["ids"].clone());
    let mut cut = 0;
    for (whole, beginning) in groups(&world, "whole").iter().zip(&groups(&world, "beginnings")) {
        assert_eq!(ids(beginning), ids(whole)[..ids(whole).len().min(3)]);
        assert_eq!(drafts(beginning), drafts(whole), "anchors stay as they are");
        cut += usize::from(ids(whole).len() > 3);
    }
    assert!(cut > 0);
    // The reference scores the same tokens.
    assert!((world.figures("beginnings", "loss")[0] - std::f64::consts::LN_2).abs() < 1e-6);
    let summary = |out: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(world.path(out).join("data.json")).unwrap()).unwrap()
    };
    let tokens = |out: &str| summary(out)["mean_rejected_tokens"].as_f64().unwrap();
    assert!(tokens("beginnings") <= 3.0 && tokens("whole") > 3.0);
}

#[test]
fn rejected_answers_can_be_the_models_own() {
    let world = World::new();
    trained(&world, "given", TWO, &[]);
    trained(&world, "own", TWO, &["habit.kind=declining", "data.rejected=own", "data.max_rejected_tokens=5"]);
    let rejected = |group: &Value, field: &str| group["rejected"][field].clone();
    let (given, own) = (groups(&world, "given"), groups(&world, "own"));
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(world.path("own").join("data.json")).unwrap()).unwrap();
    let replaced =
        given.iter().zip(&own).filter(|(given, own)| rejected(given, "text") != rejected(own, "text")).count();
    assert!(replaced > 0 && summary["own_rejected"].as_u64().unwrap() >= replaced as u64, "{summary}");
    for (given, own) in given.iter().zip(&own) {
        assert_eq!((&own["id"], &own["prompt_ids"]), (&given["id"], &given["prompt_ids"]));
        let drafts = |group| anchors(group, |answer| answer["ids"].clone());
        assert_eq!(drafts(own), drafts(given), "anchors stay as they are");
        assert!(rejected(own, "ids").as_array().unwrap().len() <= 5);
    }
    // Scored by the reference as they stand, and the same when the run is made again.
    assert!((world.figures("own", "loss")[0] - std::f64::consts::LN_2).abs() < 1e-6);
    trained(&world, "again", TWO, &["habit.kind=declining", "data.rejected=own", "data.max_rejected_tokens=5"]);
    assert_eq!(groups(&world, "again"), own);
}
