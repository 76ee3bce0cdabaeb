//! Models and adapters that are not taken: exit code 2, what is wrong, where, and what to do.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::tiny::{World, said, tokenizer, write_json};

/// Exports `model`, expects a refusal that says all of `parts` and a hint, and leaves nothing behind.
fn refused(world: &World, model: &str, more: &[&str], parts: &[&str]) {
    let out = world.path("refused");
    let model = world.path(model);
    let mut args = vec!["export", "--model", model.to_str().unwrap(), "--out", out.to_str().unwrap()];
    args.extend(more);
    let output = world.d2o(&args);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in parts.iter().chain(&["error: ", "\nhint: "]) {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert!(!out.join("config.json").exists(), "{text}");
}

fn with_config(key: &str, value: Value) -> World {
    let world = World::new();
    let path = world.path("model/config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    write_json(&path, &config);
    world
}

/// Replaces the first `from` behind `after` in a file by `to`, which is as long.
fn patch(path: &Path, after: &[u8], skip: usize, to: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(after.len()).position(|part| part == after).expect("the bytes are there");
    let at = at + after.len() + skip;
    bytes[at..at + to.len()].copy_from_slice(to);
    fs::write(path, bytes).unwrap();
}

#[test]
fn pickled_weights() {
    let world = World::new();
    fs::rename(world.path("model/model.safetensors"), world.path("model/pytorch_model.bin")).unwrap();
    refused(&world, "model", &[], &["pytorch_model.bin", "expected model.safetensors; pickled weights can run code"]);
}

#[test]
fn unknown_architectures() {
    let world = with_config("architectures", json!(["MambaForCausalLM"]));
    refused(&world, "model", &[], &["config.json: `architectures` is MambaForCausalLM"]);
    let world = World::new();
    let file = world.exported("model.gguf", &[]);
    // The key, a type of 4 bytes and a length of 8 come before the name.
    patch(&file, b"general.architecture", 12, b"rwkv7");
    refused(&world, "model.gguf", &[], &["model.gguf: `general.architecture` is rwkv7"]);
}

#[test]
fn unknown_quantisations() {
    let world = with_config("quantization_config", json!({"quant_method": "gptq", "bits": 4}));
    refused(&world, "model", &[], &["config.json: `quantization_config` is", "gptq"]);
    let world = World::new();
    let file = world.exported("model.gguf", &[]);
    // The name, the number of dimensions and two of them come before the type; 20 is IQ4_NL.
    patch(&file, b"token_embd.weight", 4 + 16, &20u32.to_le_bytes());
    refused(&world, "model.gguf", &[], &["model.gguf: tensor `token_embd.weight` is stored as IQ4_NL", "Q4_0"]);
}

#[test]
fn missing_shards() {
    let world = World::new();
    let dir = world.exported("sharded", &["--shard-bytes", "8000"]);
    let shards: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    let last = shards.iter().filter(|path| path.extension().is_some_and(|end| end == "safetensors")).max().unwrap();
    fs::remove_file(last).unwrap();
    let name = last.file_name().unwrap().to_str().unwrap();
    refused(&world, "sharded", &[], &[name, "expected a shard that model.safetensors.index.json names"]);
}

#[test]
fn shapes_and_types_that_do_not_fit() {
    let world = with_config("intermediate_size", json!(48));
    refused(&world, "model", &[], &["tensor `model.layers.0.mlp.gate_proj.weight` has shape [32, 16] where [48, 16]"]);
    let world = World::new();
    patch(&world.path("model/model.safetensors"), b"\"model.norm.weight\":{\"dtype\":\"", 0, b"I32");
    refused(&world, "model", &[], &["tensor `model.norm.weight` is stored as I32; F32, F16 and BF16 are read"]);
}

#[test]
fn tokenizers_with_more_tokens_than_the_embedding() {
    let world = World::new();
    let mut larger = tokenizer();
    larger["added_tokens"].as_array_mut().unwrap().push(json!({
        "id": 259, "content": "<|more|>", "special": true, "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false,
    }));
    write_json(&world.path("model/tokenizer.json"), &larger);
    refused(&world, "model", &[], &["model: the tokenizer has 260 tokens, the model's embedding 259 rows"]);
}

#[test]
fn adapters_of_another_base() {
    let world = World::new();
    world.trained("run", &["--set", "train.parameters={kind=\"lora\", rank=2, alpha=4}", "--set", "train.steps=2"]);
    let adapter = world.path("run/adapter");
    let adapter = adapter.to_str().unwrap();
    // The same shapes, other weights: the trained model's own are the base's, so these are made anew.
    world.reseed("model", 2);
    let parts = ["adapter_model.safetensors: the adapters were trained on other weights", "base_model_name_or_path"];
    refused(&world, "model", &["--adapter", adapter], &parts);
    let path = world.path("run/adapter/adapter_config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["use_dora"] = json!(true);
    write_json(&path, &config);
    refused(&world, "model", &["--adapter", adapter], &["adapter_config.json: `use_dora` is true"]);
    refused(&world, "run/adapter", &[], &["adapter: expected a model, found an adapter", "with --adapter"]);
    refused(&world, "model", &["--adapter", "nowhere"], &["nowhere: expected adapter_config.json"]);
}

#[test]
fn forms_that_there_are_not() {
    let world = World::new();
    refused(&world, "model", &["--dtype", "q8_0"], &["a Hugging Face directory holds no q8_0"]);
    refused(&world, "model", &["--format", "peft"], &["there is no adapter to write"]);
    let mut words = tokenizer();
    words["pre_tokenizer"]["use_regex"] = json!(false);
    write_json(&world.path("model/tokenizer.json"), &words);
    let parts = ["model/tokenizer.json: its way of splitting texts is none of those", "gpt-2"];
    refused(&world, "model", &["--format", "gguf"], &parts);
}
