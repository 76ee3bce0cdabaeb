//! A command other than `d2o train` that is interrupted says what is kept, and goes on from there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::tiny::{World, said};

/// Rows: seven blocks of 32 prompts, all of them trained on.
const ROWS: usize = 224;

fn anchors(world: &World, out: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_d2o"));
    command.env("D2O_CACHE", world.path("cache")).arg("anchors").arg("--config").arg(world.path("run.toml"));
    command.arg("--out").arg(world.path(out)).args(["--set", "data.held_out=0", "--set", "anchors.k=4"]);
    command.args(["--set", "anchors.sampler.max_new_tokens=24", "--set", "data.max_response_tokens=24"]);
    command
}

fn lines(path: &Path) -> usize {
    fs::read(path).map_or(0, |bytes| bytes.iter().filter(|&&byte| byte == b'\n').count())
}

/// The files of an anchor store and their bytes.
fn store(world: &World, out: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(world.path(out).join("anchors")).unwrap();
    let file = |path: &Path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap());
    let mut files: Vec<_> = entries.map(|entry| file(&entry.unwrap().path())).collect();
    files.sort();
    files
}

#[cfg(unix)]
#[test]
fn interrupted_anchors_are_kept_and_the_same_command_ends_with_the_same_store() {
    let world = World::new();
    let row = |i: usize| json!({"prompt": format!("Question {i}?"), "rejected": format!("No{i}!")}).to_string();
    fs::write(world.path("rows.jsonl"), (0..ROWS).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    let output = anchors(&world, "whole").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let expected = store(&world, "whole");
    assert_eq!(expected.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["anchors.jsonl", "manifest.json"]);

    let partial = world.path("stopped/anchors/partial.jsonl");
    let mut child = anchors(&world, "stopped").stderr(Stdio::piped()).spawn().unwrap();
    while lines(&partial) == 0 && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    // What it says is what lies there: whole blocks, each a line.
    let blocks = lines(&partial);
    assert!((1..ROWS / 32).contains(&blocks), "{blocks}: {text}");
    let told = format!("error: interrupted after {} of {ROWS} prompts; those are kept\n", 32 * blocks);
    assert!(text.contains(&told) && !text.contains("checkpoint"), "{text}");
    assert!(text.ends_with("hint: run the same command again to go on from there\n"), "{text}");

    let kept = fs::read(&partial).unwrap();
    let output = anchors(&world, "stopped").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(!partial.exists());
    assert!(store(&world, "stopped") == expected, "the stores differ");
    // They were drawn from the same: the first kept group is the store's first.
    let first: Value = serde_json::from_slice(kept.split(|&byte| byte == b'\n').next().unwrap()).unwrap();
    let stored: Value = serde_json::from_slice(expected[0].1.split(|&byte| byte == b'\n').next().unwrap()).unwrap();
    assert_eq!(first["groups"][0], stored);
}

/// Waits until the process hears of signals, and interrupts it.
#[cfg(target_os = "linux")]
fn interrupt(child: &mut std::process::Child) {
    let status = format!("/proc/{}/status", child.id());
    // Signals that are caught, as a mask; SIGINT is the second.
    let caught = || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap() & 2 != 0
    };
    while !caught() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        sleep(Duration::from_millis(2));
    }
    sleep(Duration::from_millis(50));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_generate_says_that_it_begins_anew() {
    let world = World::new();
    let row = |i: usize| json!({"prompt": format!("Question {i}?")}).to_string();
    fs::write(world.path("prompts.jsonl"), (0..4000).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_d2o"));
    command.arg("generate").arg("--model").arg(world.path("model")).arg("--prompts").arg(world.path("prompts.jsonl"));
    let mut child = command
        .args(["--chat", "--max-new-tokens", "200"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    interrupt(&mut child);
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("error: interrupted after ") && text.contains(" of 4000 answers\n"), "{text}");
    assert!(text.ends_with("hint: run the same command again; these begin anew\n"), "{text}");
    assert!(output.stdout.is_empty(), "no half list of answers");
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_eval_leaves_the_run_as_it_was_and_the_same_command_ends_it() {
    let world = World::new();
    let row = |i: usize| json!({"prompt": format!("Harm {i}?"), "response": "Yes."}).to_string();
    fs::write(world.path("asked.jsonl"), (0..300).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    let row = |i: usize| format!("Ask {i}?,bad words,1\nSay {i}?,kind words,0");
    let rows: Vec<String> = (0..10).map(row).collect();
    fs::write(world.path("scored.csv"), format!("objective,assistant_response,human_score\n{}", rows.join("\n")))
        .unwrap();
    world.trained("run", &["--set", "train.steps=2"]);
    let eval = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_d2o"));
        command.current_dir(world.path("")).env("D2O_CACHE", world.path("cache")).args(["eval", "--out", "run"]);
        for set in [
            "train.steps=2",
            "eval.harmful=\"asked.jsonl\"",
            "eval.benign=\"asked.jsonl\"",
            "eval.sounding_harmful=\"asked.jsonl\"",
            "eval.harmful_limit=0",
            "eval.labelled=[\"scored.csv\"]",
            "eval.second_labelled=[\"scored.csv\"]",
            "eval.max_new_tokens=100",
            "eval.bootstrap=20",
        ] {
            command.args(["--set", set]);
        }
        command
    };
    let mut child = eval().stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    interrupt(&mut child);
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("error: interrupted after ") && text.contains(" answers\n"), "{text}");
    assert!(text.ends_with("hint: run the same command again; these begin anew\n"), "{text}");
    assert!(!world.path("run/eval.json").exists() && !world.path("run/.lock").exists());
    let output = eval().output().unwrap();
    assert!(output.status.success() && world.path("run/eval.json").exists(), "{}", said(&output));
}
