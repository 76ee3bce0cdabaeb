//! Llama's metadata as `config.json` and its tensors in Hugging Face's layout.

use d2o_model::ModelError;
use d2o_model::gguf::{NamedTensor, config_json, hf_tensors};
use d2o_testing::gguf::{Writer, ggml, kind};
use serde_json::json;

use crate::open::{Open, without_path};

const WIDTH: u64 = 8;
const VOCABULARY: u64 = 5;

/// One layer, two heads of width 4, one head of keys and values; every tensor's values count from 0.
pub(crate) fn tiny() -> Writer {
    let mut file = Writer::new();
    file.text("general.architecture", "llama")
        .u32("llama.block_count", 1)
        .u32("llama.context_length", 16)
        .u32("llama.embedding_length", WIDTH as u32)
        .u32("llama.feed_forward_length", 12)
        .u32("llama.attention.head_count", 2)
        .u32("llama.attention.head_count_kv", 1)
        .u32("llama.rope.dimension_count", 4)
        .f32("llama.rope.freq_base", 500_000.0)
        .f32("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .u32("tokenizer.ggml.bos_token_id", 1)
        .u32("tokenizer.ggml.eos_token_id", 2);
    let tensors: [(&str, &[u64]); 11] = [
        ("token_embd.weight", &[VOCABULARY, WIDTH]),
        ("blk.0.attn_norm.weight", &[WIDTH]),
        ("blk.0.attn_q.weight", &[8, WIDTH]),
        ("blk.0.attn_k.weight", &[4, WIDTH]),
        ("blk.0.attn_v.weight", &[4, WIDTH]),
        ("blk.0.attn_output.weight", &[WIDTH, 8]),
        ("blk.0.ffn_norm.weight", &[WIDTH]),
        ("blk.0.ffn_gate.weight", &[12, WIDTH]),
        ("blk.0.ffn_up.weight", &[12, WIDTH]),
        ("blk.0.ffn_down.weight", &[WIDTH, 12]),
        ("output_norm.weight", &[WIDTH]),
    ];
    for (name, shape) in tensors {
        file.floats(name, shape, &counted(shape));
    }
    file
}

fn counted(shape: &[u64]) -> Vec<f32> {
    (0..shape.iter().product()).map(|index: u64| index as f32).collect()
}

/// What [`hf_tensors`] gives for `name`.
fn hf_tensor(file: &Writer, name: &str) -> (Vec<usize>, Vec<f32>) {
    let file = file.open().unwrap();
    let found = hf_tensors(&file).unwrap().map(Result::unwrap).find(|tensor| tensor.name == name);
    let NamedTensor { shape, values, .. } = found.unwrap_or_else(|| panic!("no `{name}`"));
    (shape, values)
}

fn config_refusal(change: impl FnOnce(&mut Writer)) -> String {
    let mut file = tiny();
    change(&mut file);
    let file = file.open().unwrap();
    let error = config_json(&file).expect_err("the configuration should be refused");
    without_path(&error, file.path())
}

#[test]
fn the_configuration_is_hugging_faces() {
    let config = config_json(&tiny().open().unwrap()).unwrap();
    let expected = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "vocab_size": 5,
        "hidden_size": 8,
        "intermediate_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 4,
        "rope_theta": 500_000.0,
        "rope_scaling": null,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 16,
        "tie_word_embeddings": true,
        "attention_bias": false,
        "mlp_bias": false,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": null,
    });
    assert_eq!(config, expected);
}

#[test]
fn every_end_token_is_in_the_configuration_once() {
    let ends = |change: fn(&mut Writer)| {
        let mut file = tiny();
        change(&mut file);
        config_json(&file.open().unwrap()).unwrap()["eos_token_id"].clone()
    };
    let several = ends(|file| {
        file.u32("tokenizer.ggml.eot_token_id", 4).u32("tokenizer.ggml.eom_token_id", 2);
    });
    assert_eq!(several, json!([2, 4]));
    let none = ends(|file| {
        file.without("tokenizer.ggml.eos_token_id");
    });
    assert_eq!(none, json!(null));
}

#[test]
fn absent_values_have_llamas_defaults() {
    let mut file = tiny();
    file.without("llama.attention.head_count_kv")
        .without("llama.rope.dimension_count")
        .without("llama.rope.freq_base")
        .floats("output.weight", &[VOCABULARY, WIDTH], &counted(&[VOCABULARY, WIDTH]));
    let config = config_json(&file.open().unwrap()).unwrap();
    // As many key heads as heads, 8 / 2 = 4 wide, theta 10000, and a head of its own.
    assert_eq!(config["num_key_value_heads"], 2);
    assert_eq!(config["head_dim"], 4);
    assert_eq!(config["rope_theta"], 10_000.0);
    assert_eq!(config["tie_word_embeddings"], false);
    assert_eq!(hf_tensor(&file, "lm_head.weight").0, [5, 8]);
}

#[test]
fn tensors_have_hugging_faces_names() {
    let file = tiny().open().unwrap();
    let mut names: Vec<String> = hf_tensors(&file).unwrap().map(|tensor| tensor.unwrap().name).collect();
    names.sort();
    let expected = [
        "model.embed_tokens.weight",
        "model.layers.0.input_layernorm.weight",
        "model.layers.0.mlp.down_proj.weight",
        "model.layers.0.mlp.gate_proj.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.0.post_attention_layernorm.weight",
        "model.layers.0.self_attn.k_proj.weight",
        "model.layers.0.self_attn.o_proj.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.self_attn.v_proj.weight",
        "model.norm.weight",
    ];
    assert_eq!(names, expected);
    // Not permuted: as it is in the file.
    assert_eq!(hf_tensor(&tiny(), "model.layers.0.self_attn.v_proj.weight"), (vec![4, 8], counted(&[4, 8])));
}

#[test]
fn rows_of_queries_and_keys_are_put_back() {
    // Row r of the file begins with 8 r. Heads of 4: the pairs (0, 1), (2, 3) that llama.cpp rotates are
    // the pairs (0, 2), (1, 3) here, so rows 0, 2, 1, 3, and the second head's likewise.
    let rows = |name: &str| -> Vec<f32> {
        let (_, values) = hf_tensor(&tiny(), name);
        values.chunks(8).map(|row| row[0] / 8.0).collect()
    };
    assert_eq!(rows("model.layers.0.self_attn.q_proj.weight"), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    assert_eq!(rows("model.layers.0.self_attn.k_proj.weight"), [0.0, 2.0, 1.0, 3.0]);
}

/// Rotates the pair `(x, y)` by `angle`.
fn rotated(x: f32, y: f32, angle: f32) -> [f32; 2] {
    let (sin, cos) = angle.sin_cos();
    [x * cos - y * sin, y * cos + x * sin]
}

#[test]
fn both_layouts_rotate_alike() {
    // A query of one head of width 8, once as llama.cpp rotates it (neighbours), once as Hugging Face does
    // (halves): the same numbers come out, in the two layouts' order.
    let stored: Vec<f32> = (0..8).map(|row| (row * row) as f32 - 3.0).collect();
    let mut file = tiny();
    file.without("blk.0.attn_q.weight").u32("llama.attention.head_count", 1).floats(
        "blk.0.attn_q.weight",
        &[8, 1],
        &stored,
    );
    let (_, query) = hf_tensor(&file, "model.layers.0.self_attn.q_proj.weight");
    for pair in 0..4 {
        let angle = 0.7 / (pair as f32 + 1.0);
        let neighbours = rotated(stored[2 * pair], stored[2 * pair + 1], angle);
        let halves = rotated(query[pair], query[pair + 4], angle);
        assert_eq!(neighbours, halves);
    }
}

#[test]
fn heads_that_do_not_divide_are_refused() {
    let mut file = tiny();
    file.u32("llama.attention.head_count", 3);
    let file = file.open().unwrap();
    let error = hf_tensors(&file).unwrap().find_map(Result::err).expect("8 rows are not 3 heads");
    let message = error.to_string();
    assert!(message.contains("`blk.0.attn_q.weight` of shape [8, 8] is for 3 heads"), "{message}");
}

#[test]
fn what_is_not_a_plain_llama_is_refused_by_name() {
    let cases: [(&str, f32, &str); 3] = [
        ("llama.rope.scale_linear", 0.5, "`llama.rope.scale_linear` is 0.5"),
        ("llama.logit_scale", 16.0, "`llama.logit_scale` is 16"),
        ("llama.attention.clamp_kqv", 4.0, "`llama.attention.clamp_kqv` is 4"),
    ];
    for (key, value, expected) in cases {
        let refusal = config_refusal(|file| {
            file.f32(key, value);
        });
        assert_eq!(refusal, format!("{expected}, which is not supported"));
    }
    let refusal = config_refusal(|file| {
        file.text("general.architecture", "gptneox");
    });
    assert_eq!(refusal, "`general.architecture` is gptneox, which is not supported");
    let mut other = tiny();
    other.text("general.architecture", "clip");
    let hint = config_json(&other.open().unwrap()).unwrap_err().hint().unwrap();
    assert_eq!(hint, "supported are llama, qwen2, qwen3, smollm3");
    let refusal = config_refusal(|file| {
        file.text("llama.rope.scaling.type", "yarn");
    });
    assert_eq!(refusal, "`llama.rope.scaling.type` is yarn, which is not supported");
    let refusal = config_refusal(|file| {
        file.u32("llama.expert_count", 8);
    });
    assert_eq!(refusal, "`llama.expert_count` is 8, which is not supported");
    let refusal = config_refusal(|file| {
        file.u32("llama.rope.dimension_count", 2);
    });
    assert_eq!(refusal, "`llama.rope.dimension_count` is 2 in heads of width 4, which is not supported");
}

#[test]
fn a_linear_scaling_is_said_as_hugging_face_says_it() {
    let mut file = tiny();
    file.text("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 8.0);
    let config = config_json(&file.open().unwrap()).unwrap();
    assert_eq!(config["rope_scaling"], json!({"rope_type": "linear", "factor": 8.0}));
}

#[test]
fn neutral_options_are_accepted() {
    let mut file = tiny();
    file.text("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 1.0).u32("llama.expert_count", 0);
    assert!(config_json(&file.open().unwrap()).is_ok());
}

#[test]
fn unusable_metadata_are_named() {
    let refusal = config_refusal(|file| {
        file.without("llama.block_count");
    });
    let expected = "an integer that is not negative, and the file does not have it";
    assert_eq!(refusal, format!("metadata `llama.block_count`: expected {expected}"));
    // One number of heads for each layer is a layout of other models.
    let refusal = config_refusal(|file| {
        file.list("llama.attention.head_count_kv", kind::U32, 1, &1u32.to_le_bytes());
    });
    assert_eq!(refusal, "metadata `llama.attention.head_count_kv`: expected a positive integer");
    let refusal = config_refusal(|file| {
        file.u32("llama.attention.head_count", 0);
    });
    assert_eq!(refusal, "metadata `llama.attention.head_count`: expected a positive integer");
    let refusal = config_refusal(|file| {
        file.without("token_embd.weight");
    });
    assert_eq!(refusal, "tensor `token_embd.weight` is missing");
}

#[test]
fn rotary_factors_count_only_if_they_do_something() {
    let mut file = tiny();
    file.floats("rope_freqs.weight", &[2], &[1.0, 1.0]);
    assert_eq!(hf_tensors(&file.open().unwrap()).unwrap().count(), 11);
    file.without("rope_freqs.weight").floats("rope_freqs.weight", &[2], &[1.0, 4.0]);
    let file = file.open().unwrap();
    let error = config_json(&file).expect_err("factor 4 is not supported");
    let message = error.to_string();
    assert!(message.ends_with("`rope_freqs.weight` is a rotary scaling by 4, which is not supported"), "{message}");
}

#[test]
fn tensors_without_a_place_are_named() {
    for name in ["blk.0.attn_q.bias", "blk.00.attn_q.weight", "blk.0.ssm_in.weight", "blk.x.attn_q.weight"] {
        let mut file = tiny();
        file.tensor(name, &[32], ggml::Q8_0, &[0; 34]);
        let file = file.open().unwrap();
        let error = hf_tensors(&file).err().expect("a Llama has no such tensor");
        assert!(matches!(error, ModelError::UnexpectedTensor { name: named, .. } if named == name));
    }
}
