//! One model in every form that is written, scored by the command.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::Value;

use crate::tiny::World;

/// Scores the rows of the world under `model`, by id.
fn scores(world: &World, model: &Path, more: &[&str]) -> Vec<(String, f64)> {
    let rows: Vec<String> = (0..4)
        .map(|i| format!("{{\"id\": \"{i}\", \"prompt\": \"Question {i}?\", \"response\": \"No, {i}.\"}}"))
        .collect();
    fs::write(world.path("scored.jsonl"), rows.join("\n")).unwrap();
    let data = world.path("scored.jsonl");
    let mut args = vec!["score", "--chat", "--model", model.to_str().unwrap(), "--data", data.to_str().unwrap()];
    args.extend(more);
    let output = world.d2o(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row["log_prob"].as_f64().unwrap())).collect()
}

fn worst(left: &[(String, f64)], right: &[(String, f64)]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(a, b)| (a.1 - b.1).abs()).fold(0.0, f64::max)
}

#[test]
fn every_form_gives_the_same_scores() {
    let world = World::new();
    let original = scores(&world, &world.path("model"), &[]);
    for (name, flags) in [
        ("f32", &[][..]),
        ("sharded", &["--shard-bytes", "8000"]),
        ("f32.gguf", &["--dtype", "f32"]),
        ("named", &["--format", "gguf", "--dtype", "f32"]),
    ] {
        assert_eq!(scores(&world, &world.exported(name, flags), &[]), original, "{name}");
    }
    // Rounded weights, 2⁻⁸ or 2⁻¹¹ of each or 1/254 of a block's largest: near, and not equal.
    for (name, flags) in [
        ("bf16", &["--dtype", "bf16"][..]),
        ("f16", &["--dtype", "f16"]),
        ("f16.gguf", &[]),
        ("bf16.gguf", &["--dtype", "bf16"]),
        ("q8_0.gguf", &["--dtype", "q8_0"]),
    ] {
        let difference = worst(&scores(&world, &world.exported(name, flags), &[]), &original);
        assert!(difference > 0.0 && difference < 0.5, "{name}: {difference}");
    }
}

/// Shape and bytes of each tensor by its name: two files may differ in their headers alone.
fn tensors(file: &[u8]) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let own = |(name, view): (&str, TensorView<'_>)| (name.to_owned(), (view.shape().to_vec(), view.data().to_vec()));
    tensors.iter().map(own).collect()
}

#[test]
fn a_directory_has_everything_and_gguf_gives_it_back() {
    let world = World::new();
    let file = world.exported("model.gguf", &["--dtype", "f32"]);
    let dir = world.path("back");
    let done = world.d2o(&["export", "--model", file.to_str().unwrap(), "--out", dir.to_str().unwrap()]);
    assert!(done.status.success());
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] {
        assert!(dir.join(name).exists(), "{name}");
    }
    let generation: Value = serde_json::from_slice(&fs::read(dir.join("generation_config.json")).unwrap()).unwrap();
    assert_eq!(generation["eos_token_id"], 257);
    // A directory without generation settings gets them at its export as well.
    assert!(world.exported("again", &[]).join("generation_config.json").exists());
    let written = fs::read(dir.join("model.safetensors")).unwrap();
    assert!(tensors(&written) == tensors(&world.weights_of_dir("model")), "every weight is the same, bit for bit");
}

#[test]
fn adapters_score_the_same_apart_and_folded_in() {
    let world = World::new();
    let lora = ["--set", "train.parameters={kind=\"lora\", rank=2, alpha=4}", "--set", "train.steps=3"];
    world.trained("run", &lora);
    let base = world.path("model");
    let adapter = world.path("run/adapter");
    let adapter = adapter.to_str().unwrap();
    let whole = scores(&world, &world.path("run/model"), &[]);
    let apart = scores(&world, &base, &["--adapter", adapter]);
    assert!(worst(&whole, &scores(&world, &base, &[])) > 1e-3, "training did something");
    assert!(worst(&apart, &whole) < 1e-4, "{apart:?} {whole:?}");
    assert!(worst(&scores(&world, &base, &["--adapter", adapter, "--merge-adapter"]), &whole) < 1e-5);
    let merged = world.exported("merged", &["--adapter", adapter]);
    let merged = fs::read(merged.join("model.safetensors")).unwrap();
    assert!(merged == world.weights_of("run"), "folded in, bit for bit");

    // A run on top of it: its adapter stands on the untouched base, its model is whole.
    world.trained("on-top", &[&lora[..], &["--adapter", adapter]].concat());
    let both = world.path("on-top/adapter");
    let apart = scores(&world, &base, &["--adapter", both.to_str().unwrap()]);
    let whole = scores(&world, &world.path("on-top/model"), &[]);
    assert!(worst(&apart, &whole) < 1e-4, "{apart:?} {whole:?}");
    let config: Value = serde_json::from_slice(&fs::read(both.join("adapter_config.json")).unwrap()).unwrap();
    assert_eq!(config["r"], 4);
    // As an adapter of its own it can be written again.
    let copy = world.exported("copy", &["--adapter", adapter, "--format", "peft"]);
    let weights = |dir: &Path| fs::read(dir.join("adapter_model.safetensors")).unwrap();
    assert!(weights(&copy) == weights(&world.path("run/adapter")), "the same adapters, bit for bit");
}

#[test]
fn a_run_with_shards_is_fresh_and_evaluated() {
    let world = World::new();
    let shards = ["--set", "export.shard_bytes=8000", "--set", "train.steps=2"];
    let output = world.train("run", &shards).output().unwrap();
    assert!(output.status.success(), "{}", crate::tiny::said(&output));
    let index = world.path("run/model/model.safetensors.index.json");
    let written = fs::metadata(&index).unwrap().modified().unwrap();
    // The second time the stage finds its model.
    let output = world.train("run", &shards).output().unwrap();
    assert!(output.status.success(), "{}", crate::tiny::said(&output));
    assert_eq!(fs::metadata(&index).unwrap().modified().unwrap(), written);
}
