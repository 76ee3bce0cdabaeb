//! A run that is killed, interrupted or watched differently ends with the same weights.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::tiny::{World, events, said};

/// Steps of the events file, in order.
fn steps(world: &World, out: &str) -> Vec<u64> {
    events(&world.path(out), "step").iter().map(|event| event["step"].as_u64().unwrap()).collect()
}

#[test]
fn ten_kills_change_no_bit() {
    let world = World::new();
    let began = Instant::now();
    let expected = world.trained("calm", &[]);
    let whole = began.elapsed();
    assert_eq!(steps(&world, "calm"), (1..=24).collect::<Vec<_>>());
    // Where the kills fall is up to the machine; that they change nothing is not.
    let mut state = 12_345u64;
    for _ in 0..10 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (state >> 40) as f64 / f64::from(1u32 << 24);
        let mut child = world.train("killed", &[]).stderr(Stdio::null()).spawn().unwrap();
        sleep(whole.mul_f64(share));
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(world.trained("killed", &[]) == expected, "the resumed weights differ");
    assert_eq!(steps(&world, "killed"), (1..=24).collect::<Vec<_>>(), "each step is told once");
}

#[test]
fn an_interrupt_leaves_a_checkpoint_and_the_next_run_goes_on() {
    let world = World::new();
    let expected = world.trained("calm", &[]);
    let events = world.path("stopped").join("events.jsonl");
    let child = world.train("stopped", &[]).stderr(Stdio::piped()).spawn().unwrap();
    let stepped = || fs::read_to_string(&events).is_ok_and(|text| text.contains("\"step\""));
    for _ in 0..6000 {
        if stepped() {
            break;
        }
        sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    if sent.success() && !output.status.success() {
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("hint: run the same command again"), "{}", said(&output));
        assert!(fs::read_dir(world.path("stopped").join("checkpoints")).unwrap().count() > 0);
    }
    assert!(world.trained("stopped", &[]) == expected, "the resumed weights differ");
}

#[test]
fn how_often_one_looks_changes_no_bit() {
    let world = World::new();
    let expected = world.trained("often", &["--set", "train.log_every=1"]);
    let seldom = world.trained("seldom", &["--set", "train.log_every=7", "--set", "train.checkpoint_every=0"]);
    assert!(seldom == expected);
    assert_eq!(steps(&world, "seldom"), (1..=24).collect::<Vec<_>>());
}

#[test]
fn fresh_stages_are_skipped_and_stale_ones_refused() {
    let world = World::new();
    let expected = world.trained("out", &[]);
    let output = world.train("out", &[]).output().unwrap();
    assert!(said(&output).contains("fresh"), "{}", said(&output));
    assert!(world.weights_of("out") == expected);
    let output = world.train("out", &["--set", "anchors.k=3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("manifest.json: stale"), "{}", said(&output));
    let other = world.trained("out", &["--set", "train.learning_rate=2e-3", "--fresh"]);
    assert!(other != expected);
}

#[test]
fn every_kind_of_parameters_and_objective_trains() {
    let world = World::new();
    let start = fs::read(world.path("model").join("model.safetensors")).unwrap();
    let store = world.path("first").join("anchors");
    let share = format!("anchors.store={}", store.display());
    let first = world.trained("first", &[]);
    assert!(first != start);
    for (name, set) in [
        ("dpo", ["objective.kind=dpo", "objective.beta=0.1"]),
        ("sft", ["objective.kind=sft", "train.steps=4"]),
        ("all", ["train.parameters.kind=all", "train.steps=4"]),
        ("lora", ["train.parameters={kind=\"lora\", rank=2, alpha=4.0}", "train.steps=4"]),
    ] {
        let weights = world.trained(name, &["--set", &share, "--set", set[0], "--set", set[1]]);
        assert!(weights != start && weights != first, "{name}");
    }
    assert!(world.path("lora").join("adapter/adapter_config.json").exists());
    let report = fs::read_to_string(world.path("first").join("report.html")).unwrap();
    assert!(report.contains("<svg"));
}

#[test]
fn the_first_loss_is_ln_2_and_streaming_in_chunks_gives_the_same_run() {
    let world = World::new();
    let whole = world.trained("whole", &["--set", "train.steps=3"]);
    world.trained("chunked", &["--set", "train.steps=3", "--set", "train.tokens_per_chunk=1"]);
    let losses = |out: &str| world.figures(out, "loss");
    let (whole_losses, chunked) = (losses("whole"), losses("chunked"));
    // The policy is the reference before the first update.
    assert!((whole_losses[0] - std::f64::consts::LN_2).abs() < 1e-6, "{whole_losses:?}");
    for (a, b) in whole_losses.iter().zip(&chunked) {
        assert!((a - b).abs() < 1e-5, "{whole_losses:?} {chunked:?}");
    }
    assert_eq!(whole.len(), world.weights_of("chunked").len());
}

#[test]
fn held_out_answers_are_judged_on_the_way_and_that_changes_no_bit() {
    let world = World::new();
    let row = |i: usize| format!("Ask {i}?,bad words,1\nSay {i}?,kind words,0");
    let rows: Vec<String> = (0..10).map(row).collect();
    fs::write(world.path("scored.csv"), format!("objective,assistant_response,human_score\n{}", rows.join("\n")))
        .unwrap();
    let labelled = format!("eval.labelled=[{:?}]", world.path("scored.csv").display().to_string());
    let expected = world.trained("blind", &[]);
    let looking = ["--set", &labelled, "--set", "eval.look_every=12", "--set", "stop.min_harm_drop=1"];
    assert!(world.trained("seen", &looking) == expected);
    let looks = events(&world.path("seen"), "looked");
    assert_eq!(looks.iter().map(|look| look["step"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 12, 24]);
    for look in looks {
        let figure = |name: &str| look["figures"][name].as_f64().unwrap();
        let (harm, refusal) = (figure("held_out.harm"), figure("held_out.refusal"));
        assert!(harm > 0.0 && harm < 1.0 && (0.0..=1.0).contains(&refusal), "{look}");
    }
}
