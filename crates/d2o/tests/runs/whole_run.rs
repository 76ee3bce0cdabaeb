//! A whole run in four commands, and what it leaves: what the tests of faults and of kills compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::tiny::{World, events, said};

/// The commands of a run, in order; each goes on from what the ones before have left.
pub(crate) const COMMANDS: [&str; 4] = ["anchors", "train", "eval", "export"];

/// Optimizer steps of the run.
const STEPS: u64 = 6;

/// A model, rows, and what an evaluation asks and learns from.
pub(crate) struct WholeRun {
    world: World,
}

impl WholeRun {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let file = |name: &str, lines: Vec<String>| fs::write(world.path(name), lines.join("\n")).unwrap();
        let prompt = |text: &str, i: usize| json!({"prompt": format!("{text} {i}?"), "response": "Yes."}).to_string();
        file("harmful.jsonl", (0..3).map(|i| prompt("Harm", i)).collect());
        file("benign.jsonl", (0..3).map(|i| prompt("Help", i)).collect());
        let rows = |i: usize| format!("Ask {i}?,bad words,1\nSay {i}?,kind words,0");
        let head = "objective,assistant_response,human_score".to_owned();
        file("scored.csv", std::iter::once(head).chain((0..10).map(rows)).collect());
        Self { world }
    }

    /// A directory for runs.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }

    /// The command of this number, on the run and the export below `dir`, with the cache there.
    pub(crate) fn command(&self, number: usize, dir: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_d2o"));
        command.current_dir(self.world.path("")).env("D2O_CACHE", dir.join("cache")).arg(COMMANDS[number]);
        if COMMANDS[number] == "export" {
            command.arg("--model").arg(dir.join("run/model")).arg("--out").arg(dir.join("out"));
            return command;
        }
        command.arg("--config").arg(self.world.path("run.toml")).arg("--out").arg(dir.join("run"));
        if COMMANDS[number] == "train" {
            command.arg("--no-eval");
        }
        let steps = format!("train.steps={STEPS}");
        for set in [
            steps.as_str(),
            "train.checkpoint_every=2",
            "train.parameters={kind=\"lora\", rank=2, alpha=4.0}",
            "retain.weight=0.1",
            "retain.prompts=[\"benign.jsonl\"]",
            "retain.max_tokens=4",
            "eval.harmful=\"harmful.jsonl\"",
            "eval.benign=\"benign.jsonl\"",
            "eval.sounding_harmful=\"benign.jsonl\"",
            "eval.labelled=[\"scored.csv\"]",
            "eval.second_labelled=[\"scored.csv\"]",
            "eval.max_new_tokens=4",
            "eval.bootstrap=20",
        ] {
            command.args(["--set", set]);
        }
        command
    }

    /// Runs a command to its end, demands success, and returns how long it took.
    pub(crate) fn run(&self, number: usize, dir: &Path) -> Duration {
        let began = Instant::now();
        let output = self.command(number, dir).output().unwrap();
        assert!(output.status.success(), "{} in {}: {}", COMMANDS[number], dir.display(), said(&output));
        began.elapsed()
    }
}

/// What lies below a directory: every file's bytes by its name; names of directories end in a slash.
pub(crate) type Left = BTreeMap<String, Vec<u8>>;

/// Every file's bytes by its name, and every directory's name.
pub(crate) fn bytes(dir: &Path) -> Left {
    let mut found = Left::new();
    read(dir, "", &mut found);
    found
}

/// The same but for what tells of times; demands that the events tell of every step once and in order.
pub(crate) fn left(dir: &Path) -> Left {
    let mut found = bytes(dir);
    if let Some(told) = found.get_mut("run/events.jsonl") {
        let steps: Vec<u64> =
            events(&dir.join("run"), "step").iter().map(|event| event["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, (1..=STEPS).collect::<Vec<_>>(), "{}: each step is told once", dir.display());
        told.clear();
    }
    // A checkpoint's state says how long it took, a report draws the times of steps; the parts of an optimizer's record
    // have no order, and the weights that follow from it are compared.
    for (name, bytes) in &mut found {
        if ["/state.json", "/optimizer.bpk", "report.html"].iter().any(|end| name.ends_with(end)) {
            bytes.clear();
        }
    }
    found
}

fn read(dir: &Path, before: &str, found: &mut Left) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{before}{}", path.file_name().unwrap().to_string_lossy());
        match path.is_dir() {
            true => {
                read(&path, &format!("{name}/"), found);
                found.insert(format!("{name}/"), Vec::new());
            }
            false => {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
}

/// What is not the same in both, by name.
pub(crate) fn differing(one: &Left, other: &Left) -> Vec<String> {
    let names = one.keys().chain(other.keys()).collect::<BTreeSet<_>>();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => {
                fs::copy(&path, &target).unwrap();
            }
        }
    }
}
