//! A tiny random model with a byte tokenizer and a chat template, and rows to align it with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory with a model, rows and a run file.
pub(crate) struct World {
    dir: TempDir,
}

const WIDTH: usize = 16;
const INNER: usize = 32;
const LAYERS: usize = 2;
/// 256 bytes and three special tokens.
const VOCAB: usize = 259;

impl World {
    /// A model, twelve rows and a run file that trains on them in a few seconds.
    pub(crate) fn new() -> Self {
        let world = Self { dir: TempDir::new().unwrap() };
        let model = world.path("model");
        fs::create_dir(&model).unwrap();
        write_json(&model.join("config.json"), &config());
        write_json(&model.join("tokenizer.json"), &tokenizer());
        write_json(
            &model.join("tokenizer_config.json"),
            &json!({"eos_token": "<|im_end|>", "chat_template": TEMPLATE}),
        );
        fs::write(model.join("model.safetensors"), weights(1)).unwrap();
        let rows: Vec<String> = (0..12)
            .map(|i| {
                json!({"id": format!("row-{i}"), "prompt": format!("Question {i}?"), "rejected": format!("No{i}!")})
                    .to_string()
            })
            .collect();
        fs::write(world.path("rows.jsonl"), rows.join("\n")).unwrap();
        fs::write(world.path("run.toml"), world.run_file()).unwrap();
        world
    }

    /// The run file, on the backend under test.
    fn run_file(&self) -> String {
        let backend = std::env::var("D2O_TEST_BACKEND").unwrap_or_else(|_| "flex".to_owned());
        RUN.replace("DIR", &self.dir.path().display().to_string()).replace("BACKEND", &backend)
    }

    /// Writes a run file with another objective, other lines in place of the number of steps, and the drafts of
    /// the run in `first`.
    pub(crate) fn write_run(&self, name: &str, objective: &str, steps: &str) {
        let text = self.run_file();
        let (before, after) = (text.find("[objective]").unwrap(), text.find("[train]").unwrap());
        let store = format!("redraws = 1\nstore = {:?}", self.path("first").join("anchors").display().to_string());
        let head = text[..before].replace("redraws = 1", &store);
        let rest = text[after..].replace("steps = 24", steps);
        fs::write(self.path(name), format!("{head}[objective]\n{objective}\n{rest}")).unwrap();
    }

    /// A figure of every step of a run.
    pub(crate) fn figures(&self, out: &str, name: &str) -> Vec<f64> {
        events(&self.path(out), "step").iter().map(|event| event[name].as_f64().unwrap()).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The arguments of a run into `out`, more of them behind.
    pub(crate) fn train(&self, out: &str, more: &[&str]) -> Command {
        self.train_file("run.toml", out, more)
    }

    /// The same for another run file.
    pub(crate) fn train_file(&self, file: &str, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_d2o"));
        command.env("D2O_CACHE", self.path("cache"));
        command.arg("train").arg("--config").arg(self.path(file)).arg("--out").arg(self.path(out)).args(more);
        command
    }

    /// Runs to the end and demands success.
    pub(crate) fn trained(&self, out: &str, more: &[&str]) -> Vec<u8> {
        let output = self.train(out, more).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        self.weights_of(out)
    }

    /// The bytes of a run's weights.
    pub(crate) fn weights_of(&self, out: &str) -> Vec<u8> {
        self.weights_of_dir(&format!("{out}/model"))
    }

    /// The bytes of a model directory's weights.
    pub(crate) fn weights_of_dir(&self, dir: &str) -> Vec<u8> {
        fs::read(self.path(dir).join("model.safetensors")).unwrap()
    }

    /// Runs any command.
    pub(crate) fn d2o(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_d2o")).args(args).current_dir(self.dir.path()).output().unwrap()
    }

    /// Runs any command with a cache of the world's own.
    pub(crate) fn d2o_with_cache(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_d2o"));
        command.args(args).current_dir(self.dir.path()).env("D2O_CACHE", self.path("cache"));
        command.output().unwrap()
    }

    /// Exports the model to `name` and demands success.
    pub(crate) fn exported(&self, name: &str, more: &[&str]) -> PathBuf {
        let (model, out) = (self.path("model"), self.path(name));
        let mut args = vec!["export", "--model", model.to_str().unwrap(), "--out", out.to_str().unwrap()];
        args.extend(more);
        let output = self.d2o(&args);
        assert!(output.status.success(), "{}", said(&output));
        out
    }

    /// Gives a model directory other weights of the same shapes.
    pub(crate) fn reseed(&self, dir: &str, seed: u64) {
        fs::write(self.path(dir).join("model.safetensors"), weights(seed)).unwrap();
    }
}

/// The events of one kind that a run directory has kept, in order.
pub(crate) fn events(run: &Path, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(run.join("events.jsonl")).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == kind).collect()
}

/// What a command said on stderr.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

const RUN: &str = r#"
seed = 3
[model]
path = "DIR/model"
[device]
backend = "BACKEND"
[data]
negatives = ["DIR/rows.jsonl"]
held_out = 0.2
max_prompt_tokens = 64
max_response_tokens = 16
[anchors]
k = 2
redraws = 1
instructions = [{ user = "Kindly: {prompt}" }, { system = "Be kind." }]
[anchors.sampler]
max_new_tokens = 8
[objective]
kind = "d2o"
beta = 0.1
alpha = 0.05
[train]
groups_per_step = 3
steps = 24
learning_rate = 1e-3
warmup_steps = 2
checkpoint_every = 3
[train.parameters]
kind = "last_layers"
layers = 1
[stop]
max_anchor_kl = 0.0
[eval]
harmful = ""
"#;

fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "vocab_size": VOCAB, "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5, "max_position_embeddings": 256, "tie_word_embeddings": true, "eos_token_id": 257,
    })
}

/// Bytes as byte-level tokenizers spell them: printable ones by themselves, the rest from U+0100 on.
fn byte_tokens() -> Vec<String> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100u32;
    (0..=255u8)
        .map(|byte| {
            let code = if printable(byte) {
                u32::from(byte)
            } else {
                next += 1;
                next - 1
            };
            char::from_u32(code).unwrap().to_string()
        })
        .collect()
}

pub(crate) fn tokenizer() -> Value {
    let vocab: BTreeMap<String, usize> = byte_tokens().into_iter().enumerate().map(|(id, token)| (token, id)).collect();
    let special = |id: usize, content: &str| {
        json!({"id": id, "content": content, "special": true, "single_word": false,
               "lstrip": false, "rstrip": false, "normalized": false})
    };
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [special(256, "<|im_start|>"), special(257, "<|im_end|>"), special(258, "<|pad|>")],
        "pre_tokenizer": level, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": []},
    })
}

fn weights(seed: u64) -> Vec<u8> {
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![VOCAB, WIDTH])];
    for layer in 0..LAYERS {
        let matrices = [
            ("self_attn.q_proj", [16, WIDTH]),
            ("self_attn.k_proj", [8, WIDTH]),
            ("self_attn.v_proj", [8, WIDTH]),
            ("self_attn.o_proj", [WIDTH, 16]),
            ("mlp.gate_proj", [INNER, WIDTH]),
            ("mlp.up_proj", [INNER, WIDTH]),
            ("mlp.down_proj", [WIDTH, INNER]),
        ];
        shapes.extend(matrices.map(|(name, shape)| (format!("model.layers.{layer}.{name}.weight"), shape.to_vec())));
        for norm in ["input_layernorm", "post_attention_layernorm"] {
            shapes.push((format!("model.layers.{layer}.{norm}.weight"), vec![WIDTH]));
        }
    }
    shapes.push(("model.norm.weight".to_owned(), vec![WIDTH]));
    let mut state = seed;
    let mut bytes = Vec::new();
    for (name, shape) in &shapes {
        let count: usize = shape.iter().product();
        let values = (0..count).flat_map(|_| {
            // A linear congruential generator (Knuth's MMIX constants): any scatter of numbers will do.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let uniform = (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5;
            let value = if name.contains("norm") { 1.0 + 0.1 * uniform } else { 0.6 * uniform };
            value.to_le_bytes()
        });
        bytes.push(values.collect::<Vec<u8>>());
    }
    let views = shapes
        .iter()
        .zip(&bytes)
        .map(|((name, shape), bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

pub(crate) fn write_json(path: &Path, value: &Value) {
    fs::write(path, serde_json::to_vec(value).unwrap()).unwrap();
}
