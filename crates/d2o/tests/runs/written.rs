//! Retain prompts that the base writes itself.

use std::fs;

use serde_json::Value;

use crate::tiny::{World, said};

const KEYS: [&str; 8] = [
    "--set",
    "retain.weight=0.5",
    "--set",
    "retain.prompts=[]",
    "--set",
    "retain.written=40",
    "--set",
    "train.steps=3",
];

#[test]
fn they_are_drawn_once_and_used() {
    let world = World::new();
    let rows = |out: &str| -> Vec<Value> {
        let stored: Value = serde_json::from_slice(&fs::read(world.path(out).join("retain.json")).unwrap()).unwrap();
        stored["rows"].as_array().unwrap().clone()
    };
    world.trained("out", &KEYS);
    let first = rows("out");
    assert!((1..=40).contains(&first.len()), "{}", first.len());
    assert!(first.iter().all(|row| row["id"].as_str().unwrap().starts_with("written-")));
    let divergences = world.figures("out", "retain_kl");
    assert!(divergences.len() == 3 && divergences[0] == 0.0 && divergences[2] > 0.0, "{divergences:?}");
    world.trained("again", &KEYS);
    assert_eq!(rows("again"), first, "a matter of the seed");
}

#[test]
fn without_a_template_there_is_nothing_to_write_into() {
    let world = World::new();
    let output = world.train("out", &[&KEYS[..], &["--set", "data.chat=false"]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("field `retain.written`: expected 0 where data.chat is false"), "{}", said(&output));
}
