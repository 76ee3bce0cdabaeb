//! What a user can get wrong: exit code 2, file, line and field, and a directory that works afterwards.

use std::fs;

use crate::tiny::{World, said, tokenizer, write_json};

/// Runs into `out`, expects exit code 2 and all of `parts` on stderr.
fn refused(world: &World, out: &str, more: &[&str], parts: &[&str]) {
    let output = world.train(out, more).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert!(text.starts_with("error: ") || text.contains("\nerror: "), "{text}");
}

#[test]
fn rows() {
    let world = World::new();
    let good = fs::read_to_string(world.path("rows.jsonl")).unwrap();
    for (name, bad, parts) in [
        ("cut", "{\"prompt\": \"a\", \"rej", vec!["cut.jsonl:13"]),
        ("type", "{\"prompt\": \"a\", \"rejected\": 7}", vec!["type.jsonl:13", "`rejected`"]),
        ("empty", "{\"prompt\": \"  \", \"rejected\": \"b\"}", vec!["empty.jsonl:13", "`prompt`"]),
        ("missing", "{\"rejected\": \"b\"}", vec!["missing.jsonl:13", "`prompt`"]),
    ] {
        let path = world.path(&format!("{name}.jsonl"));
        fs::write(&path, format!("{good}\n{bad}")).unwrap();
        refused(&world, "out", &["--strict", "--negatives", path.to_str().unwrap()], &parts);
    }
    let csv = world.path("mild.csv");
    fs::write(&csv, "objective,assistant_response,human_score\na,b,0.5\nc,d,0.25\n").unwrap();
    refused(&world, "out", &["--negatives", csv.to_str().unwrap()], &["mild.csv", "0.75", "0.5", "hint:"]);
    refused(&world, "out", &["--negatives", "/nowhere.jsonl"], &["nowhere.jsonl"]);
    // Nothing of that spoilt the directory.
    world.trained("out", &[]);
}

#[test]
fn configuration() {
    let world = World::new();
    refused(
        &world,
        "out",
        &["--set", "train.learning_rte=1"],
        &["train.learning_rte", "did you mean `train.learning_rate`?"],
    );
    refused(&world, "out", &["--set", "anchors.k=0"], &["`anchors.k`", "at least 1, got 0"]);
    refused(
        &world,
        "out",
        &["--set", "data.max_prompt_tokens=250"],
        &["longer than the model's context of 256", "hint:"],
    );
    refused(&world, "out", &["--backend", "abacus"], &["backend `abacus` is not compiled in", "hint:"]);
    refused(&world, "out", &["--set", "train.parameters={kind=\"last_layers\", layers=9}"], &["expected 1 to 2"]);
    fs::write(world.path("broken.toml"), "[data]\nthreshhold = 0.5\n").unwrap();
    let broken = world.path("broken.toml");
    refused(&world, "out", &["--config", broken.to_str().unwrap()], &["error"]);
}

#[test]
fn models() {
    let world = World::new();
    let weights = world.path("model/model.safetensors");
    let good = fs::read(&weights).unwrap();
    fs::write(&weights, &good[..good.len() - 100]).unwrap();
    refused(&world, "out", &[], &["model.safetensors", "hint:"]);
    let mut lying = good.clone();
    lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&weights, &lying).unwrap();
    refused(&world, "out", &[], &["model.safetensors"]);
    fs::write(&weights, &good).unwrap();
    let gguf = world.path("m.gguf");
    fs::write(&gguf, b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f").unwrap();
    refused(&world, "out", &["--model", gguf.to_str().unwrap()], &["m.gguf"]);
    let mut larger = tokenizer();
    larger["added_tokens"].as_array_mut().unwrap().push(serde_json::json!({
        "id": 259, "content": "<|more|>", "special": true, "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false,
    }));
    write_json(&world.path("model/tokenizer.json"), &larger);
    refused(&world, "out", &[], &["260 tokens", "259 rows", "hint:"]);
    write_json(&world.path("model/tokenizer.json"), &tokenizer());
    world.trained("out", &[]);
}

#[cfg(target_os = "linux")]
#[test]
fn places() {
    let world = World::new();
    fs::write(world.path("file"), "in the way").unwrap();
    refused(&world, "file/out", &[], &["file/out"]);
    std::os::unix::fs::symlink("nowhere", world.path("dangling")).unwrap();
    refused(&world, "dangling", &[], &["dangling: ", "hint: something else has this name"]);
    // A parent that nobody may write to, not even root.
    refused(&world, "/sys/d2o-run", &[], &["/sys/d2o-run: ", "hint: choose a directory that you may write to"]);
    world.trained("ein Lauf ü 📦/mit \"Zeichen\"", &["--set", "train.steps=2"]);
    // A full disk, from the first byte of the run's record on.
    let output = world.train("full", &[]).env("D2O_FAULT", "full@1").output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("full/run.toml: ") && text.contains("hint: the disk is full"), "{text}");
    world.trained("full", &[]);
}
