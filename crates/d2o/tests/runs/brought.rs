//! Models as people bring them: what is odd is said, what cannot be read is refused with what to do.

use std::fs;
use std::path::Path;
use std::process::Output;

use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::tiny::{World, said};

/// Scores one answer under `model`.
fn score(world: &World, model: &str, more: &[&str]) -> Output {
    fs::write(world.path("scored.jsonl"), r#"{"id": "one", "prompt": "Tea?", "response": "No."}"#).unwrap();
    world.d2o(&[&["score", "--chat", "--model", model, "--data", "scored.jsonl"], more].concat())
}

fn scored(world: &World, model: &str, more: &[&str]) -> (String, String) {
    let output = score(world, model, more);
    assert!(output.status.success(), "{}", said(&output));
    (String::from_utf8(output.stdout.clone()).unwrap(), said(&output))
}

fn refused(output: &Output, parts: &[&str]) {
    let text = said(output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{text}");
    for part in parts.iter().chain(&["error: ", "\nhint: "]) {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

/// Replaces the values of a tensor of f32 by `value`.
fn fill(path: &Path, name: &str, value: f32) {
    let mut bytes = fs::read(path).unwrap();
    let data = SafeTensors::deserialize(&bytes).unwrap().tensor(name).unwrap().data().to_vec();
    let at = bytes.windows(data.len()).position(|window| window == data).unwrap();
    let values: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), data.len() / 4).flatten().collect();
    bytes[at..at + data.len()].copy_from_slice(&values);
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_adapter_beside_a_model_is_named_and_not_used() {
    let world = World::new();
    let alone = scored(&world, "model", &[]);
    assert!(!alone.1.contains("warning"), "{}", alone.1);
    world.trained("run", &["--set", "train.parameters={kind=\"lora\", rank=2, alpha=4}", "--set", "train.steps=2"]);
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        fs::copy(world.path("run/adapter").join(name), world.path("model").join(name)).unwrap();
    }
    let beside = scored(&world, "model", &[]);
    assert_eq!(beside.0, alone.0);
    let expected =
        "warning: model: an adapter lies beside the model (adapter_config.json) and is not used; --adapter model";
    assert!(beside.1.contains(expected), "{}", beside.1);
    let on_top = scored(&world, "model", &["--adapter", "model"]);
    assert_ne!(on_top.0, alone.0);
    assert!(!on_top.1.contains("warning"), "{}", on_top.1);
    // A run says so as well, and nothing in it depends on the adapter.
    let output = world.train("again", &["--set", "train.steps=1"]).output().unwrap();
    assert!(said(&output).contains("an adapter lies beside the model"), "{}", said(&output));
}

#[test]
fn an_adapter_alone_names_its_base() {
    let world = World::new();
    world.trained("run", &["--set", "train.parameters={kind=\"lora\", rank=2, alpha=4}", "--set", "train.steps=2"]);
    let base = world.path("model").display().to_string();
    let parts = ["run/adapter: expected a model, found an adapter", &format!("give its base, `{base}`, as the model")];
    refused(&score(&world, "run/adapter", &[]), &parts);
}

#[test]
fn what_is_no_number_is_no_score() {
    let world = World::new();
    let weights = world.path("model/model.safetensors");
    // Every weight is finite, and what they compute is beyond f32.
    fill(&weights, "model.norm.weight", 3e38);
    refused(&score(&world, "model", &[]), &["the log-probability of `one` is not finite"]);
    let prompts = ["generate", "--chat", "--model", "model", "--prompts", "scored.jsonl"];
    refused(&world.d2o(&prompts), &["is not finite"]);
    let output = world.train("run", &[]).output().unwrap();
    refused(&output, &["is not finite"]);
    fill(&weights, "model.norm.weight", f32::NAN);
    let parts = ["model.safetensors: tensor `model.norm.weight` holds numbers that are not finite: NaN at [0]"];
    refused(&score(&world, "model", &[]), &parts);
}

#[test]
fn a_directory_of_gguf_files_is_the_one_model_in_it() {
    let world = World::new();
    let whole = scored(&world, "model", &[]).0;
    world.exported("gguf/model-f32.gguf", &["--dtype", "f32"]);
    assert_eq!(scored(&world, "gguf", &[]).0, whole);
    // The configuration of the model that it was made from changes nothing, nor do pictures' projectors.
    fs::copy(world.path("model/config.json"), world.path("gguf/config.json")).unwrap();
    fs::write(world.path("gguf/mmproj-f16.gguf"), "").unwrap();
    assert_eq!(scored(&world, "gguf", &[]).0, whole);
    world.exported("gguf/model-q8_0.gguf", &["--dtype", "q8_0"]);
    let names = "model-f32.gguf, model-q8_0.gguf";
    refused(
        &score(&world, "gguf", &[]),
        &[&format!("gguf: expected one model, and there are 2: {names}"), "give one of"],
    );
}

#[test]
fn a_tokenizer_of_another_form_is_told_how_to_convert() {
    let world = World::new();
    fs::remove_file(world.path("model/tokenizer.json")).unwrap();
    fs::write(world.path("model/tokenizer.model"), "").unwrap();
    let parts = ["model: expected tokenizer.json; tokenizer.model is there", "AutoTokenizer.from_pretrained('model')"];
    refused(&score(&world, "model", &[]), &parts);
}

#[test]
fn a_head_of_its_own_is_said_and_used() {
    let world = World::new();
    let tied = scored(&world, "model", &[]).0;
    let path = world.path("model/model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut views = file.tensors();
    let embedding = file.tensor("model.embed_tokens.weight").unwrap();
    let twice: Vec<u8> = embedding
        .data()
        .chunks(4)
        .flat_map(|value| (2.0 * f32::from_le_bytes(value.try_into().unwrap())).to_le_bytes())
        .collect();
    let head = safetensors::tensor::TensorView::new(embedding.dtype(), embedding.shape().to_vec(), &twice).unwrap();
    views.push(("lm_head.weight".to_owned(), head));
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let (own, told) = scored(&world, "model", &[]);
    assert_ne!(own, tied);
    assert!(told.contains("warning: model: config.json ties the head to the embedding"), "{told}");
    // The trained model keeps it, and says what it is.
    world.trained("run", &["--set", "train.steps=1"]);
    world.exported("copy", &[]);
    for dir in ["run/model", "copy"] {
        let config = fs::read(world.path(dir).join("config.json")).unwrap();
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["tie_word_embeddings"], json!(false), "{dir}");
        let (score, told) = scored(&world, dir, &[]);
        assert!(!told.contains("warning"), "{told}");
        assert_eq!(score == own, dir == "copy");
    }
}
