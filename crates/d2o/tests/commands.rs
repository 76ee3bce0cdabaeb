//! The command as people and scripts meet it: exit codes, messages and hints, without a model or a network.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs `d2o` in a directory of its own, with a cache that is empty.
fn d2o(dir: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_d2o"));
    command.args(args).current_dir(dir.path()).env("D2O_CACHE", dir.path().join("cache"));
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What `d2o` complains about; its exit code has to be 2 and it has to be one that a person understands.
fn refusal(dir: &TempDir, args: &[&str]) -> String {
    let output = d2o(dir, args);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
    assert!(message.starts_with("error: "), "{args:?}: {message}");
    assert!(!message.contains("panicked"), "{args:?}: {message}");
    message
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

const RUN: &str = "[model]\npath = \"model\"\n\n[data]\nnegatives = [\"rows.jsonl\"]\n";

#[test]
fn presets_and_entries_are_listed() {
    let dir = directory(&[]);
    let presets = d2o(&dir, &["presets"]);
    assert!(presets.status.success());
    assert!(text(&presets.stdout).lines().any(|line| line.starts_with("smollm2-quick")));
    for args in [&["fetch"][..], &["fetch", "--list"]] {
        let entries = d2o(&dir, args);
        assert!(entries.status.success());
        assert!(text(&entries.stdout).lines().any(|line| line.starts_with("advbench")), "{args:?}");
    }
    assert!(!dir.path().join("cache").exists(), "a list touches nothing");
}

#[test]
fn a_mistake_in_the_run_file_names_file_line_and_field() {
    let dir = directory(&[
        ("unknown.toml", &format!("{RUN}\n[anchors]\nkk = 3\n")),
        ("zero.toml", &format!("{RUN}\n[anchors]\nk = 0\n")),
        ("type.toml", &format!("{RUN}\n[train]\nepochs = \"many\"\n")),
        ("cut.toml", "[model\npath = \"model\"\n"),
    ]);
    let run = |file: &str| refusal(&dir, &["train", "--config", file, "--out", "run"]);
    let unknown = run("unknown.toml");
    assert!(unknown.contains("unknown.toml:8: unknown key `anchors.kk`"), "{unknown}");
    assert!(unknown.contains("hint: did you mean `anchors.k`?"), "{unknown}");
    let zero = run("zero.toml");
    assert!(zero.contains("zero.toml:8: field `anchors.k`: expected at least 1, got 0"), "{zero}");
    assert!(zero.contains("hint: "), "{zero}");
    assert!(run("type.toml").contains("type.toml:8: invalid type"));
    assert!(run("cut.toml").contains("cut.toml:1: "));
    assert!(!dir.path().join("run").exists(), "nothing is written for a run that cannot start");
}

#[test]
fn a_mistake_on_the_command_line_names_the_flag() {
    let dir = directory(&[("run.toml", RUN)]);
    let set = |assignment: &str| refusal(&dir, &["train", "--config", "run.toml", "--out", "run", "--set", assignment]);
    assert!(set("anchors.k=0").contains("--set: field `anchors.k`: expected at least 1, got 0"));
    assert!(set("anchors.kk=3").contains("--set: unknown key `anchors.kk`"));
    assert!(set("anchors.k").contains("expected key.path=value"));
    assert!(set("train.epochs=many").contains("--set train.epochs=many: invalid type"));
    let nothing = refusal(&dir, &["train", "--config", "no-such-preset", "--out", "run"]);
    assert!(nothing.contains("no-such-preset: neither a preset nor a file"), "{nothing}");
    assert!(
        nothing.contains("hint: presets are hearth, smollm2-lists, smollm2-opening, smollm2-pyrit, smollm2-quick"),
        "{nothing}"
    );
    // What the argument parser refuses ends the same way.
    let output = d2o(&dir, &["trian"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_does_not_exist_is_named() {
    let dir = directory(&[("run.toml", RUN)]);
    let model = refusal(&dir, &["train", "--config", "run.toml", "--out", "run"]);
    assert!(model.contains("error: model: no such file or directory"), "{model}");
    let backend = refusal(&dir, &["train", "--config", "run.toml", "--out", "run", "--backend", "abacus"]);
    assert!(backend.contains("backend `abacus` is not compiled in"), "{backend}");
    let entry = refusal(&dir, &["fetch", "advbensh"]);
    assert!(entry.contains("hint: did you mean `advbench`?"), "{entry}");
    let rows = refusal(&dir, &["score", "--model", "model", "--data", "none.jsonl"]);
    assert!(rows.contains("none.jsonl"), "{rows}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    // A file in the way: this fails for every user, also for one who may write everywhere.
    let dir = directory(&[("run.toml", RUN), ("taken", "")]);
    let message = refusal(&dir, &["train", "--config", "run.toml", "--out", "taken/run"]);
    assert!(message.contains(&Path::new("taken").join("run").display().to_string()), "{message}");
    assert_eq!(fs::read(dir.path().join("taken")).unwrap(), b"");
}

#[test]
fn a_run_that_is_refused_makes_no_directory() {
    let dir = directory(&[("my.toml", RUN)]);
    let refused = refusal(&dir, &["train", "--config", "my.toml", "--out", "run/deeper", "--set", "anchors.k=3"]);
    assert!(refused.contains("model: no such file or directory"), "{refused}");
    assert!(!dir.path().join("run").exists());
}
