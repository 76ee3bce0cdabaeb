//! One process at a time in a run directory: the second is refused at once, and the first never notices.

use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::tiny::{World, events, said};

/// A run that lasts for a while, once it has begun to train.
fn started(world: &World, out: &str) -> Child {
    let mut child = world.train(out, &["--set", "train.steps=2000"]).stderr(Stdio::piped()).spawn().unwrap();
    let events = world.path(out).join("events.jsonl");
    let stepped = || fs::read_to_string(&events).is_ok_and(|text| text.contains("\"step\""));
    while !stepped() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn whoever_writes_into_a_run_is_refused_while_another_one_does() {
    let world = World::new();
    let mut first = started(&world, "a run");
    let out = world.path("a run");
    let out = out.to_str().unwrap();
    let config = world.path("run.toml");
    let config = config.to_str().unwrap();
    let began = Instant::now();
    for args in [
        &["train", "--config", config, "--out", out][..],
        &["train", "--config", config, "--out", out, "--fresh"],
        &["train", "--out", out],
        &["anchors", "--config", config, "--out", out],
        &["eval", "--config", config, "--out", out],
        &["pretrain", "--data", "rows.jsonl", "--out", out],
        &["hearth", "write", "--out", out],
    ] {
        let output = world.d2o(args);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(&format!("a run: in use by process {} on ", first.id())), "{args:?}: {text}");
        assert!(
            text.contains("train --config") && text.contains("\nhint: wait until it has ended"),
            "{args:?}: {text}"
        );
    }
    assert!(first.try_wait().unwrap().is_none(), "the first goes on after {:?}", began.elapsed());
    // Those who only read are let in.
    let report = world.d2o(&["report", "--out", out]);
    assert!(report.status.success(), "{}", said(&report));
    first.kill().unwrap();
    first.wait().unwrap();
    // What a killed one leaves is in nobody's way.
    assert!(world.path("a run/.lock").exists());
    world.trained("a run", &["--set", "train.steps=2000", "--set", "train.log_every=50"]);
    assert!(!world.path("a run/.lock").exists());
    let steps: Vec<u64> =
        events(&world.path("a run"), "step").iter().map(|event| event["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, (1..=2000).collect::<Vec<_>>());
}

#[test]
fn of_two_that_make_the_directory_together_one_trains() {
    let world = World::new();
    for round in 0..3 {
        let out = format!("new {round}/run");
        let children = [(); 2].map(|()| world.train(&out, &[]).stderr(Stdio::piped()).spawn().unwrap());
        let outputs = children.map(|child| child.wait_with_output().unwrap());
        let mut codes: Vec<_> = outputs.iter().map(|output| output.status.code()).collect();
        codes.sort();
        // A second one that came when the first had ended finds everything done.
        assert!(codes == [Some(0), Some(2)] || codes == [Some(0), Some(0)], "{codes:?}: {}", said(&outputs[1]));
        assert_eq!(events(&world.path(&out), "step").len(), 24);
    }
}
