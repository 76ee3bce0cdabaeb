//! Anchors that the policy draws anew while it trains.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::tiny::{World, events, said};

fn numbers(events: &[Value], field: &str) -> Vec<u64> {
    events.iter().map(|event| event[field].as_u64().unwrap()).collect()
}

#[test]
fn kills_change_no_bit_of_a_run_that_draws_anew() {
    let world = World::new();
    let set = ["--set", "anchors.refresh_every=5", "--set", "anchors.refresh_after=4"];
    let began = Instant::now();
    let expected = world.trained("calm", &set);
    let whole = began.elapsed();
    // After 4 steps and then every 5: the first steps that see new anchors are 5, 10, 15 and 20 of 24.
    let redrawn = events(&world.path("calm"), "anchors_redrawn");
    assert_eq!(numbers(&redrawn, "step"), [5, 10, 15, 20]);
    let mut state = 99u64;
    for _ in 0..8 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (state >> 40) as f64 / f64::from(1u32 << 24);
        let mut child = world.train("killed", &set).stderr(Stdio::null()).spawn().unwrap();
        sleep(whole.mul_f64(share).max(Duration::from_millis(50)));
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(world.trained("killed", &set) == expected, "the resumed weights differ");
    assert_eq!(
        numbers(&events(&world.path("killed"), "anchors_redrawn"), "step"),
        [5, 10, 15, 20],
        "each is told once"
    );
}

#[test]
fn a_run_goes_on_between_two_draws_with_the_anchors_of_its_checkpoint() {
    let world = World::new();
    // Checkpoints after every third step, draws before steps 9 and 17: steps 10, 13 and 16 begin between two draws.
    let set = ["--set", "anchors.refresh_every=8"];
    let expected = world.trained("whole", &set);
    let longer = world.trained("again", &set);
    assert!(longer == expected);
    // The last two checkpoints are those of steps 21 and 24; without the last one the run goes on from 21.
    let checkpoints = world.path("again").join("checkpoints");
    assert!(checkpoints.join("step-000021/redrawn.json").exists());
    fs::remove_dir_all(checkpoints.join("step-000024")).unwrap();
    fs::remove_dir_all(world.path("again").join("model")).unwrap();
    assert!(world.trained("again", &set) == expected, "the resumed weights differ");
    // A checkpoint whose anchors were touched is not trusted.
    fs::remove_dir_all(checkpoints.join("step-000024")).unwrap();
    fs::remove_dir_all(world.path("again").join("model")).unwrap();
    fs::write(checkpoints.join("step-000021/redrawn.json"), "{}").unwrap();
    let output = world.train("again", &set).output().unwrap();
    assert!(said(&output).contains("redrawn.json does not have the recorded digest"), "{}", said(&output));
    assert!(world.weights_of("again") == expected, "trained from the start, the weights differ");
}

#[test]
fn every_step_draws_for_its_own_groups_only_and_another_trunk_changes_no_bit() {
    let world = World::new();
    let never = world.trained("never", &[]);
    let weights = |out: &str, mib: &str| {
        world.trained(out, &["--set", "anchors.refresh_every=1", "--set", &format!("train.trunk_mib={mib}")])
    };
    let kept = weights("kept", "64");
    assert!(kept != never, "new anchors give other weights");
    assert!(kept == weights("bare", "0"), "activations of anchors that are gone were read");
    let held = world.trained("held", &["--set", "guards.anchor_kl=2.0"]);
    assert!(held != never, "the penalty has an effect");
    let drift = world.figures("held", "anchor_kl");
    assert!(drift[0].abs() < 1e-6 && drift[23] > 1e-6, "the policy begins as the base: {drift:?}");
    let redrawn = events(&world.path("kept"), "anchors_redrawn");
    assert_eq!(numbers(&redrawn, "step"), (2..=24).collect::<Vec<_>>());
    assert!(numbers(&redrawn, "groups").iter().all(|&groups| groups <= 3));
    assert!(numbers(&redrawn, "anchors").iter().all(|&anchors| anchors <= 6));
    assert!(!world.path("never").join("checkpoints/step-000024/redrawn.json").exists());
    let report = fs::read_to_string(world.path("kept").join("report.html")).unwrap();
    assert!(report.contains("drawn anew 23 times"), "the report counts the draws");
}

#[test]
fn a_draw_depends_on_its_step_not_on_the_run_s_length() {
    let world = World::new();
    // A draw that comes after the last step is the same as none.
    let expected = world.trained("never", &["--set", "train.steps=6", "--set", "train.schedule=constant"]);
    let late = ["--set", "train.steps=6", "--set", "train.schedule=constant", "--set", "anchors.refresh_every=6"];
    assert!(world.trained("late", &late) == expected);
    assert!(events(&world.path("late"), "anchors_redrawn").is_empty());
}
