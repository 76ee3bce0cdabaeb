//! A command that is refused leaves every byte as it was.

use std::fs;
use std::path::Path;

use crate::tiny::{World, said, write_json};
use crate::whole_run::{Left, bytes};

/// A world with a finished run in `out`, of an adapter with retain rows and an evaluation on the way.
fn world() -> World {
    let world = World::new();
    world.trained("out", &["--set", "train.parameters={kind=\"lora\", rank=2, alpha=4.0}"]);
    world
}

const SAME: [&str; 2] = ["--set", "train.parameters={kind=\"lora\", rank=2, alpha=4.0}"];

/// Runs, expects exit code 2 with all of `parts`, and that nothing below `dir` is another than `before`.
fn refused(world: &World, more: &[&str], parts: &[&str]) {
    let before = everything(world);
    let output = world.train("out", &[&SAME, more].concat()).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{more:?}: {text}");
    for part in parts.iter().chain(&["\nhint: "]) {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert!(everything(world) == before, "{more:?} changed something");
}

/// All files and directories of the world but the cache.
fn everything(world: &World) -> Left {
    let mut all = bytes(&world.path(""));
    all.retain(|name, _| !name.starts_with("cache"));
    all
}

/// Spoils a file while `check` runs.
fn spoilt(path: &Path, spoil: impl FnOnce(&mut Vec<u8>), check: impl FnOnce()) {
    let good = fs::read(path).unwrap();
    let mut bad = good.clone();
    spoil(&mut bad);
    assert_ne!(bad, good);
    fs::write(path, bad).unwrap();
    check();
    fs::write(path, good).unwrap();
}

// A `Vec`, as `spoilt` hands one over.
#[allow(clippy::ptr_arg)]
fn turn_a_bit(bytes: &mut Vec<u8>) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

#[test]
fn settings_and_inputs_of_another_run() {
    let world = world();
    fs::write(world.path("other.jsonl"), "{\"prompt\": \"Else?\", \"rejected\": \"No!\"}\n".repeat(3)).unwrap();
    let other = world.path("other.jsonl");
    let row = fs::read_to_string(world.path("rows.jsonl")).unwrap();
    refused(&world, &["--negatives", other.to_str().unwrap()], &["manifest.json: stale: these anchors", "data"]);
    refused(&world, &["--set", "anchors.k=3"], &["manifest.json: stale: these anchors"]);
    refused(&world, &["--set", "train.learning_rate=2e-3"], &["step-000024: stale: "]);
    refused(&world, &["--set", "train.steps=25"], &["step-000024: stale: "]);
    refused(&world, &["--set", "objective.kind=dpo"], &["step-000024: stale: "]);
    refused(&world, &["--set", "retain.weight=0.5"], &["step-000024: stale: "]);
    // Knobs out of their range, unknown keys, devices and models that there are not.
    refused(&world, &["--set", "train.parameters.rank=0"], &["rank"]);
    refused(&world, &["--set", "train.stepps=3"], &["train.stepps"]);
    refused(&world, &["--set", "anchors.k=0"], &["anchors.k"]);
    refused(&world, &["--backend", "abacus"], &["abacus"]);
    refused(&world, &["--model", "nowhere"], &["nowhere"]);
    refused(&world, &["--negatives", "nowhere.jsonl"], &["nowhere.jsonl"]);
    let run_file = fs::read(world.path("run.toml")).unwrap();
    fs::write(world.path("run.toml"), "[data]\nthreshhold = 0.5\n").unwrap();
    refused(&world, &[], &["run.toml:2", "threshhold"]);
    fs::write(world.path("run.toml"), run_file).unwrap();
    // What is asked at the end is looked for at the beginning.
    refused(&world, &["--set", "eval.harmful=\"nowhere.jsonl\""], &["nowhere.jsonl"]);
    // A row that cannot be read, a template that cannot be rendered, another model in the same place.
    spoilt(
        &world.path("rows.jsonl"),
        |bytes| bytes.extend(b"\n{\"prompt\": 3}"),
        || {
            refused(&world, &["--strict"], &["rows.jsonl:13"]);
        },
    );
    spoilt(
        &world.path("model/model.safetensors"),
        |bytes| bytes.truncate(100),
        || {
            refused(&world, &[], &["model.safetensors"]);
        },
    );
    let good = fs::read(world.path("model/model.safetensors")).unwrap();
    world.reseed("model", 5);
    refused(&world, &[], &["manifest.json: stale: these anchors were drawn with another model"]);
    fs::write(world.path("model/model.safetensors"), good).unwrap();
    fs::write(world.path("rows.jsonl"), row.replace("Question 0?", "Question zero?")).unwrap();
    refused(&world, &[], &["manifest.json: stale: these anchors were drawn with another data"]);
    fs::write(world.path("rows.jsonl"), row).unwrap();
    // All of that is forgotten: the same command has nothing to do, nor has the record alone, which is written again.
    let before = fs::read(world.path("out/run.toml")).unwrap();
    let again = world.train("out", &SAME).output().unwrap();
    let recorded = world.d2o(&["train", "--out", world.path("out").to_str().unwrap()]);
    for output in [again, recorded] {
        assert!(output.status.success() && said(&output).contains("model is fresh"), "{}", said(&output));
    }
    assert!(fs::read(world.path("out/run.toml")).unwrap() == before);
}

#[test]
fn damaged_files_of_the_run() {
    let world = world();
    let out = |name: &str| world.path("out").join(name);
    for (name, part) in [
        ("anchors/anchors.jsonl", "anchors.jsonl: damaged: "),
        ("anchors/manifest.json", "manifest.json: damaged: "),
        ("stages.json", "stages.json: damaged: "),
        ("model/model.safetensors", "out/model: damaged: model.safetensors is not as it was written"),
        ("model/config.json", "out/model: damaged: config.json is not as it was written"),
    ] {
        spoilt(&out(name), turn_a_bit, || refused(&world, &[], &[part, "remove it"]));
        spoilt(&out(name), |bytes| bytes.truncate(bytes.len() / 2), || refused(&world, &[], &[part, "remove it"]));
    }
    spoilt(
        &out("run.toml"),
        |bytes| bytes.splice(0..0, *b"= ").for_each(drop),
        || {
            refused(&world, &[], &["run.toml: damaged: it is no record of a run"]);
        },
    );
    spoilt(
        &out("events.jsonl"),
        |bytes| bytes.splice(5..9, *b"\n\n}{").for_each(drop),
        || {
            fs::remove_dir_all(world.path("out/model")).unwrap();
            refused(&world, &[], &["events.jsonl:"]);
        },
    );
}

#[test]
fn directories_that_hold_another_record() {
    let world = World::new();
    fs::create_dir(world.path("out")).unwrap();
    // The record of a run that has not begun: the same settings go on, another model or other rows do not.
    let recorded = fs::read_to_string(world.path("run.toml")).unwrap();
    fs::write(world.path("out/run.toml"), recorded.replace("rows.jsonl", "others.jsonl")).unwrap();
    refused(&world, &[], &["out/run.toml: stale: it records a run with another `data.negatives`", "--fresh"]);
    fs::write(world.path("out/run.toml"), "title = \"my own notes\"\n").unwrap();
    refused(&world, &[], &["out/run.toml: damaged: it is no record of a run"]);
    fs::write(world.path("out/run.toml"), recorded.replace("beta = 0.1", "beta = 0.2")).unwrap();
    world.trained("out", &["--set", "train.steps=2"]);
}

#[test]
fn a_first_command_that_is_refused_makes_nothing() {
    let world = World::new();
    write_json(&world.path("model/config.json"), &serde_json::json!({"architectures": ["MambaForCausalLM"]}));
    let before = everything(&world);
    for out in ["out", "deep/er/out"] {
        let output = world.train(out, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(everything(&world) == before, "{out}");
    }
}
