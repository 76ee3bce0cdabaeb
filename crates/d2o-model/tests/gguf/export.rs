//! Models written as GGUF and read back.

use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_model::gguf::{GgufDtype, GgufError, GgufFile, NamedTensor, Vocabulary, hf_tensors, save_gguf};
use d2o_model::{CausalLm, ModelConfig, ModelError, Placement, load};
use half::{bf16, f16};
use serde_json::{Value, json};

use d2o_testing::parity::Parity;

const TOKENS: usize = 40;

/// Rows of 32 are whole blocks of Q8_0, those of `down_proj`, 40 long, are not.
fn config_json(tied: bool) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": TOKENS, "hidden_size": 32,
        "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 6, "rope_theta": 500.0, "rms_norm_eps": 1e-5, "max_position_embeddings": 64,
        "initializer_range": 0.25, "tie_word_embeddings": tied,
    })
}

fn model(tied: bool) -> CausalLm {
    let config = ModelConfig::from_json(Path::new("config.json"), config_json(tied)).unwrap();
    CausalLm::init(&config, 7, &Device::flex())
}

fn vocabulary(tokens: usize) -> Vocabulary {
    Vocabulary {
        model: "gpt2".to_owned(),
        pre: "gpt-2".to_owned(),
        tokens: (0..tokens).map(|id| format!("t{id}")).collect(),
        token_types: (0..tokens).map(|id| if id == 2 { 3 } else { 1 }).collect(),
        merges: vec!["t 1".to_owned()],
        bos: Some(1),
        eos: Some(2),
        eot: Some(3),
        eom: None,
        unk: None,
        pad: Some(0),
        add_bos: false,
        chat_template: Some("{{ messages }}".to_owned()),
    }
}

fn hidden(model: &CausalLm) -> Vec<f32> {
    let ids = [[5i64, 1, 30, 7, 7, 39]];
    let ids = Tensor::<2, Int>::from_data(TensorData::from(ids), &Device::flex());
    let hidden = model.hidden(ids, &Placement::causal(1, 6, &Device::flex()));
    hidden.into_data().iter::<f32>().collect()
}

/// The file that `model` becomes, kept with its directory.
fn saved(model: &CausalLm, dtype: GgufDtype) -> (tempfile::TempDir, GgufFile) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("below/model.gguf");
    save_gguf(model, &path, dtype, &vocabulary(TOKENS), "tiny").unwrap();
    let file = GgufFile::open(&path).unwrap();
    (dir, file)
}

/// Name of the type that a tensor is stored in.
fn stored(file: &GgufFile, name: &str) -> Option<&'static str> {
    file.tensor_type(name).map(|kind| kind.name())
}

/// All tensors in Hugging Face's layout.
fn tensors(file: &GgufFile) -> Vec<NamedTensor> {
    hf_tensors(file).unwrap().map(Result::unwrap).collect()
}

#[test]
fn f32_comes_back_bit_by_bit() {
    for tied in [false, true] {
        let model = model(tied);
        let (_dir, file) = saved(&model, GgufDtype::F32);
        let loaded = load(file.path(), &Device::flex()).unwrap();
        assert_eq!(hidden(&loaded.model), hidden(&model));
        assert_eq!(loaded.gguf.unwrap(), vocabulary(TOKENS));
        assert_eq!(file.shape("output.weight").is_none(), tied);
        assert_eq!(loaded.config.ropes()[0].theta, 500.0);
    }
}

#[test]
fn halves_round_matrices_and_keep_vectors() {
    let (_dir, whole) = saved(&model(false), GgufDtype::F32);
    for (dtype, name) in [(GgufDtype::F16, "F16"), (GgufDtype::Bf16, "BF16")] {
        let (_dir, file) = saved(&model(false), dtype);
        assert_eq!(
            (stored(&file, "blk.1.ffn_down.weight"), stored(&file, "output_norm.weight")),
            (Some(name), Some("F32"))
        );
        for (exact, rounded) in tensors(&whole).into_iter().zip(tensors(&file)) {
            let round = |value: f32| match dtype {
                GgufDtype::F16 => f16::from_f32(value).to_f32(),
                _ => bf16::from_f32(value).to_f32(),
            };
            let vector = exact.shape.len() == 1;
            let expected: Vec<f32> =
                exact.values.into_iter().map(|value| if vector { value } else { round(value) }).collect();
            assert_eq!(rounded.values, expected, "{}", exact.name);
        }
    }
}

#[test]
fn eight_bits_are_within_half_a_step() {
    let (_dir, whole) = saved(&model(false), GgufDtype::F32);
    let (_dir, file) = saved(&model(false), GgufDtype::Q8_0);
    assert_eq!(stored(&file, "blk.0.attn_q.weight"), Some("Q8_0"));
    // Rows of 40 and of 24 are not whole blocks of 32.
    assert_eq!(stored(&file, "blk.0.ffn_down.weight"), Some("F16"));
    assert_eq!(stored(&file, "blk.0.attn_output.weight"), Some("F16"));
    for name in whole.tensor_names().filter(|&name| stored(&file, name) == Some("Q8_0")) {
        let (exact, rounded) = (whole.tensor_f32(name).unwrap(), file.tensor_f32(name).unwrap());
        for (exact, rounded) in exact.chunks(32).zip(rounded.chunks(32)) {
            // Half a step of max / 127, and the scale's own rounding, 2⁻¹¹ of up to 127 steps.
            let step = exact.iter().fold(0f32, |largest, value| largest.max(value.abs())) / 127.0;
            let allowed = step * (0.5 + 127.0 / 2048.0) * 1.001;
            assert!(exact.iter().zip(rounded).all(|(a, b)| (a - b).abs() <= allowed), "{name}");
        }
    }
    assert_eq!(load(file.path(), &Device::flex()).unwrap().config.hidden_size, 32);
}

#[test]
fn the_embedding_may_have_more_rows_than_the_tokenizer_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    save_gguf(&model(true), &path, GgufDtype::F16, &vocabulary(38), "tiny").unwrap();
    let read = GgufFile::open(&path).unwrap().vocabulary().unwrap();
    // llama.cpp wants a token for every row: two that no text becomes.
    assert_eq!(read.tokens[37..], ["t37", "[PAD38]", "[PAD39]"]);
    assert_eq!(read.token_types[37..], [1, 5, 5]);

    let error = save_gguf(&model(true), &path, GgufDtype::F16, &vocabulary(41), "tiny").unwrap_err();
    assert!(error.to_string().ends_with("the tokenizer has 41 tokens, the model's embedding 40 rows"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_weight_beyond_half_precision_is_named_and_leaves_no_file() {
    let mut config = config_json(true);
    config["initializer_range"] = json!(1e6);
    let config = ModelConfig::from_json(Path::new("config.json"), config).unwrap();
    let model = CausalLm::init(&config, 7, &Device::flex());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let error = save_gguf(&model, &path, GgufDtype::F16, &vocabulary(TOKENS), "tiny").unwrap_err();
    assert!(
        matches!(&error, ModelError::Gguf(GgufError::Range { name, ggml_type: "F16", .. }) if name == "token_embd.weight")
    );
    assert!(error.to_string().contains("which is beyond F16"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    save_gguf(&model, &path, GgufDtype::Bf16, &vocabulary(TOKENS), "tiny").unwrap();
}

/// A fixture that transformers made, with the options `changed` that GGUF has a form for.
fn fixture(family: &str, changed: &[(&str, Value)]) -> CausalLm {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(family);
    let dir = tempfile::tempdir().unwrap();
    let mut config: Value = serde_json::from_slice(&std::fs::read(from.join("config.json")).unwrap()).unwrap();
    for (key, value) in changed {
        config[*key] = value.clone();
    }
    std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    std::fs::copy(from.join("model.safetensors"), dir.path().join("model.safetensors")).unwrap();
    load(dir.path(), &Device::flex()).unwrap().model
}

#[test]
fn families_come_back_as_they_were() {
    let everywhere = [("use_sliding_window", json!(false)), ("layer_types", Value::Null)];
    let every_fourth = [&everywhere[..], &[("no_rope_layers", json!([1, 1, 1, 0]))]].concat();
    let unbounded = [("sliding_window", Value::Null), ("layer_types", Value::Null)];
    for (family, changed) in [
        ("tiny-llama", &[][..]),
        ("tiny-llama-tied", &[]),
        ("mistral", &unbounded),
        ("qwen2", &everywhere),
        ("qwen3", &[]),
        ("smollm3", &every_fourth),
    ] {
        let original = fixture(family, changed);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        save_gguf(&original, &path, GgufDtype::F32, &vocabulary(10), family).unwrap();
        let read = load(&path, &Device::flex()).unwrap().model;
        let differences = hidden(&original).into_iter().zip(hidden(&read)).map(|(a, b)| (a - b).abs());
        let worst = differences.fold(0f32, f32::max);
        // Nothing is rounded but the rotary base and epsilon, which both sides hold exactly.
        Parity::new(family, "flex").check("hidden states through GGUF", 0.0, worst.into());
    }
}

#[test]
fn what_has_no_form_is_refused_by_name() {
    for (family, reason) in [
        ("gpt2", "Gpt2 is not written in that form"),
        ("gemma2", "Gemma2 is not written in that form"),
        ("phi3", "Phi3 is not written in that form"),
        ("mistral", "the architecture llama there has no sliding window"),
        ("smollm3", "the architecture smollm3 there has no sliding window"),
        ("llama-biased", "has no name in the architecture llama"),
    ] {
        let model = fixture(family, &[]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        let error = save_gguf(&model, &path, GgufDtype::F32, &vocabulary(10), family).unwrap_err();
        assert!(error.to_string().ends_with(reason), "{family}: {error}");
        assert!(error.hint().is_some() && !path.exists());
    }
}
