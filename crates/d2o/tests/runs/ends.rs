//! Models that end their answers with one of several tokens.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::tiny::{World, said, write_json};

const WIDTH: usize = 64;
const VOCAB: usize = 259;
/// `<|im_end|>`, with which the template ends a turn, and another token that ends an answer.
const TURN: u32 = 257;
const OTHER: u32 = 258;

/// A world whose model answers "Okay." and then draws [`OTHER`], behind which it would go on.
///
/// Its layers add nothing, embeddings are scattered, and the head's row of a token is the embedding of the one before.
fn world() -> World {
    let world = World::new();
    let model = world.path("model");
    let mut config: Value = read_json(&model.join("config.json"));
    config["hidden_size"] = json!(WIDTH);
    config["head_dim"] = json!(WIDTH / 2);
    config["tie_word_embeddings"] = json!(false);
    write_json(&model.join("config.json"), &config);
    let mut state = 17u64;
    let embedding: Vec<f32> = (0..VOCAB * WIDTH)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
        })
        .collect();
    let mut head = vec![0f32; VOCAB * WIDTH];
    let chain = [u32::from(b'\n'), 79, 107, 97, 121, 46, OTHER, 33, 79].map(|id| id as usize);
    for pair in chain.windows(2) {
        for column in 0..WIDTH {
            head[pair[1] * WIDTH + column] += embedding[pair[0] * WIDTH + column];
        }
    }
    let mut tensors = BTreeMap::from([
        ("model.embed_tokens.weight".to_owned(), (vec![VOCAB, WIDTH], embedding)),
        ("lm_head.weight".to_owned(), (vec![VOCAB, WIDTH], head)),
        ("model.norm.weight".to_owned(), (vec![WIDTH], vec![1.0; WIDTH])),
    ]);
    for layer in 0..2 {
        let zeros = [
            ("self_attn.q_proj", WIDTH, WIDTH),
            ("self_attn.k_proj", WIDTH / 2, WIDTH),
            ("self_attn.v_proj", WIDTH / 2, WIDTH),
            ("self_attn.o_proj", WIDTH, WIDTH),
            ("mlp.gate_proj", 32, WIDTH),
            ("mlp.up_proj", 32, WIDTH),
            ("mlp.down_proj", WIDTH, 32),
        ];
        for (name, out, input) in zeros {
            let values = vec![0.0; out * input];
            tensors.insert(format!("model.layers.{layer}.{name}.weight"), (vec![out, input], values));
        }
        for norm in ["input_layernorm", "post_attention_layernorm"] {
            tensors.insert(format!("model.layers.{layer}.{norm}.weight"), (vec![WIDTH], vec![1.0; WIDTH]));
        }
    }
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, (_, values))| (name, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let views = tensors
        .iter()
        .map(|(name, (shape, _))| (name, TensorView::new(Dtype::F32, shape.clone(), &bytes[name]).unwrap()));
    fs::write(model.join("model.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
    world
}

/// The same with both end tokens in its generation settings.
fn with_both() -> World {
    let world = world();
    write_json(&world.path("model/generation_config.json"), &json!({"eos_token_id": [TURN, OTHER]}));
    world
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The greedy answer of `model` to one question: its text and tokens.
fn answer(world: &World, model: &str, more: &[&str]) -> (String, Vec<u64>) {
    fs::write(world.path("prompts.jsonl"), r#"{"prompt": "Tea?"}"#).unwrap();
    let mut args = vec!["generate", "--model", model, "--prompts", "prompts.jsonl", "--chat", "--greedy"];
    args.extend(["--max-new-tokens", "12"]);
    args.extend(more);
    let output = world.d2o(&args);
    assert!(output.status.success(), "{}", said(&output));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tokens = line["tokens"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
    (line["text"].as_str().unwrap().to_owned(), tokens)
}

fn okay() -> (String, Vec<u64>) {
    ("Okay.".to_owned(), b"Okay.".map(u64::from).to_vec())
}

#[test]
fn every_end_token_ends_an_answer() {
    let world = world();
    let (text, tokens) = answer(&world, "model", &[]);
    assert!(text.starts_with("Okay.!Okay") && tokens.len() == 12, "one end token is not drawn: {text}");
    let path = world.path("model/config.json");
    let mut config = read_json(&path);
    config["eos_token_id"] = json!([TURN, OTHER]);
    write_json(&path, &config);
    assert_eq!(answer(&world, "model", &[]), okay(), "by config.json");
    config["eos_token_id"] = json!(TURN);
    write_json(&path, &config);
    write_json(&world.path("model/generation_config.json"), &json!({"eos_token_id": [TURN, OTHER]}));
    assert_eq!(answer(&world, "model", &[]), okay(), "by generation_config.json");
    // What the answer is made to begin with does not change how it ends.
    assert_eq!(answer(&world, "model", &["--prefill", "Ok"]).0, "Okay.");
}

#[test]
fn an_anchor_is_whole_with_the_token_that_ended_it() {
    let world = with_both();
    let drawn = ["--set", "anchors.k=1", "--set", "anchors.sampler.temperature=0", "--set", "train.steps=1"];
    let limits = ["--set", "anchors.allow_truncated=false", "--set", "data.held_out=0"];
    let output = world.train("run", &[&drawn[..], &limits].concat()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let store = fs::read_to_string(world.path("run/anchors/anchors.jsonl")).unwrap();
    let ids: Vec<u32> = b"Okay.".iter().map(|&byte| u32::from(byte)).chain([OTHER]).collect();
    for line in store.lines() {
        let group: Value = serde_json::from_str(line).unwrap();
        let anchor = &group["anchors"][0]["answer"];
        assert_eq!((&anchor["text"], &anchor["ids"]), (&json!("Okay."), &json!(ids)));
        // What people rejected ends as the template ends a turn.
        assert_eq!(group["rejected"]["ids"].as_array().unwrap().last(), Some(&json!(TURN)));
    }
    // Anchors that were drawn with other end tokens are other anchors.
    write_json(&world.path("model/generation_config.json"), &json!({"eos_token_id": [TURN]}));
    let output = world.train("run", &[&drawn[..], &limits].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("drawn with another set of end tokens"), "{}", said(&output));
}

#[test]
fn exports_keep_every_end_token() {
    let world = with_both();
    let both = json!([TURN, OTHER]);
    let dir = world.exported("copy", &[]);
    assert_eq!(read_json(&dir.join("generation_config.json"))["eos_token_id"], both);
    world.exported("model.gguf", &["--dtype", "f32"]);
    assert_eq!(answer(&world, "model.gguf", &[]), okay());
    let back = world.d2o(&["export", "--model", "model.gguf", "--out", "back"]);
    assert!(back.status.success(), "{}", said(&back));
    for file in ["generation_config.json", "config.json"] {
        assert_eq!(read_json(&world.path("back").join(file))["eos_token_id"], both, "{file}");
    }
    assert_eq!(answer(&world, "back", &[]), okay());
    // Named by config.json alone, they go into the generation settings of the copy.
    let path = world.path("model/config.json");
    let mut config = read_json(&path);
    config["eos_token_id"] = both.clone();
    write_json(&path, &config);
    fs::remove_file(world.path("model/generation_config.json")).unwrap();
    let dir = world.exported("again", &[]);
    assert_eq!(read_json(&dir.join("generation_config.json"))["eos_token_id"], both);
}
