//! An export takes its place whole: nothing of what stood there stays, and what is no export stands.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::tiny::{World, said};
use crate::whole_run::bytes;

/// The names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn export(world: &World, model: &str, out: &str, more: &[&str]) -> Output {
    world.d2o(&[&["export", "--model", model, "--out", out], more].concat())
}

/// Expects exit code 2, all of `parts`, and the names in `dir` as they were.
fn refused(world: &World, (model, out): (&str, &str), more: &[&str], parts: &[&str]) {
    let before = names(&world.path(""));
    let output = export(world, model, out, more);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in parts.iter().chain(&["error: ", "\nhint: "]) {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert_eq!(names(&world.path("")), before);
}

fn exported(world: &World, model: &str, out: &str, more: &[&str]) {
    let output = export(world, model, out, more);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn one_export_over_another_leaves_nothing_of_the_first() {
    let world = World::new();
    exported(&world, "model", "small.gguf", &["--dtype", "f32"]);
    // From a GGUF file comes a template of its own, and there are shards.
    exported(&world, "small.gguf", "out", &["--shard-bytes", "8000"]);
    assert!(names(&world.path("out")).len() > 8, "{:?}", names(&world.path("out")));
    assert!(world.path("out/chat_template.jinja").exists());
    exported(&world, "model", "out", &[]);
    exported(&world, "model", "fresh", &[]);
    assert_eq!(names(&world.path("out")), names(&world.path("fresh")));
    for name in names(&world.path("out")) {
        let read = |dir: &str| fs::read(world.path(dir).join(&name)).unwrap();
        assert!(read("out") == read("fresh"), "{name}");
    }
    // An adapter takes the place of a model likewise.
    world.trained("run", &["--set", "train.parameters={kind=\"lora\", rank=2, alpha=4}", "--set", "train.steps=2"]);
    exported(&world, "model", "out", &["--adapter", "run/adapter", "--format", "peft"]);
    assert_eq!(names(&world.path("out")), ["adapter_config.json", "adapter_model.safetensors", "d2o-export.json"]);
    assert!(names(&world.path("")).iter().all(|name| !name.starts_with('.')), "nothing is left aside");
}

#[test]
fn what_is_no_export_is_replaced_by_force_only() {
    let world = World::new();
    fs::create_dir(world.path("mine")).unwrap();
    fs::write(world.path("mine/notes.txt"), "mine").unwrap();
    fs::write(world.path("notes.txt"), "mine").unwrap();
    refused(
        &world,
        ("model", "mine"),
        &[],
        &["mine: already exists and is not replaced: it was not written", "--force"],
    );
    assert_eq!(fs::read(world.path("mine/notes.txt")).unwrap(), b"mine");
    let gguf = ["--format", "gguf"];
    refused(
        &world,
        ("model", "notes.txt"),
        &gguf,
        &["notes.txt: already exists and is not replaced: it is no GGUF file"],
    );
    // A model directory of somebody else, and an export that somebody has added to.
    exported(&world, "model", "copy", &[]);
    fs::remove_file(world.path("copy/d2o-export.json")).unwrap();
    refused(&world, ("model", "copy"), &[], &["copy: already exists"]);
    exported(&world, "model", "out", &[]);
    fs::write(world.path("out/README.md"), "mine").unwrap();
    refused(&world, ("model", "out"), &[], &["d2o has not written README.md"]);
    fs::remove_file(world.path("out/README.md")).unwrap();
    fs::write(world.path("out/tokenizer_config.json"), "{}").unwrap();
    refused(&world, ("model", "out"), &[], &["tokenizer_config.json is not as it was written"]);
    exported(&world, "model", "mine", &["--force"]);
    assert!(!world.path("mine/notes.txt").exists() && world.path("mine/config.json").exists());
    exported(&world, "model", "notes.txt", &["--format", "gguf", "--force"]);
    exported(&world, "model", "notes.txt", &gguf);
    // An empty directory is nobody's.
    fs::create_dir(world.path("empty")).unwrap();
    exported(&world, "model", "empty", &[]);
}

#[test]
fn what_is_read_is_not_replaced() {
    let world = World::new();
    exported(&world, "model", "m.gguf", &[]);
    world.trained("run", &["--set", "train.parameters={kind=\"lora\", rank=2, alpha=4}", "--set", "train.steps=2"]);
    let adapter = ["--adapter", "run/adapter", "--force"];
    let force = ["--force"];
    for (model, out, more, part) in [
        ("model", "model", &force[..], "model: no place for an export: it is model"),
        ("model", "./model/", &force, "it is model"),
        ("model", "model/new", &force, "model/new: no place for an export: it lies in model"),
        ("run/model", "run", &force, "run: no place for an export: it holds run/model"),
        ("m.gguf", "m.gguf", &force, "m.gguf: no place for an export: it is m.gguf"),
        ("model", "run/adapter", &adapter, "run/adapter: no place for an export: it is run/adapter"),
        ("model", "run", &adapter, "run: no place for an export: it holds run/adapter"),
        ("model", "m.gguf/x", &force, "m.gguf"),
    ] {
        let before = bytes(&world.path(""));
        refused(&world, (model, out), more, &[part]);
        assert!(bytes(&world.path("")) == before, "{out}");
    }
    refused(&world, ("model", "m.gguf"), &["--format", "hf"], &["m.gguf: no place for an export: it is a file"]);
    refused(&world, ("model", "run"), &["--format", "gguf"], &["run: no place for an export: a GGUF file is written"]);
}

#[test]
fn an_export_that_fails_leaves_the_old_one() {
    let world = World::new();
    exported(&world, "model", "out", &[]);
    let before = bytes(&world.path("out"));
    // A weight that half precision does not hold.
    let path = world.path("model/model.safetensors");
    let mut weights = fs::read(&path).unwrap();
    let last = weights.len() - 4;
    weights[last..].copy_from_slice(&1e30f32.to_le_bytes());
    fs::write(&path, weights).unwrap();
    refused(&world, ("model", "out"), &["--dtype", "f16"], &["float16"]);
    fs::write(world.path("model/config.json"), "{").unwrap();
    refused(&world, ("model", "out"), &[], &["config.json"]);
    assert!(bytes(&world.path("out")) == before);
}

#[cfg(unix)]
#[test]
fn names_and_links() {
    use std::os::unix::fs::symlink;

    let world = World::new();
    let named = "ein Modell ü/📦 out";
    exported(&world, "model", named, &[]);
    exported(&world, "model", named, &["--shard-bytes", "8000"]);
    symlink(world.path(named), world.path("link")).unwrap();
    exported(&world, "model", "link", &[]);
    assert!(world.path("link").is_symlink() && world.path(named).join("model.safetensors").exists());
    symlink("nowhere", world.path("dangling")).unwrap();
    refused(&world, ("model", "dangling"), &["--force"], &["it is a link that leads nowhere"]);
    refused(&world, ("model", "dangling"), &["--format", "gguf"], &["it is a link that leads nowhere"]);
    symlink(world.path("model"), world.path("same")).unwrap();
    refused(&world, ("model", "same"), &["--force"], &["it is model"]);
    // A link into the input, by which the output would lie there.
    refused(&world, ("model", "same/new"), &["--force"], &["it lies in model"]);
}
