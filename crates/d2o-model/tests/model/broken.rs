//! Directories that are wrong, each named.

use std::fs;
use std::path::Path;

use d2o_model::{ModelError, load};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tiny::{Weights, config_json, device, model, weights, write, write_weights};

pub(crate) fn good() -> TempDir {
    changed(|_| {})
}

fn changed(change: impl Fn(&mut Weights)) -> TempDir {
    changed_model(false, change)
}

/// A directory with these changes to the weights of a model, whose head is tied or is not.
pub(crate) fn changed_model(tied: bool, change: impl Fn(&mut Weights)) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut weights = weights(&model(tied));
    change(&mut weights);
    write(dir.path(), &config_json(tied), &weights);
    dir
}

/// The complaint about `dir`, less the directory itself.
pub(crate) fn complaint(dir: &Path) -> String {
    let error = load(dir, &device()).expect_err("the directory is wrong");
    assert!(error.hint().is_some() || matches!(error, ModelError::Io { .. }), "{error} has no hint");
    error.to_string().replace(&format!("{}/", dir.display()), "").replace(&dir.display().to_string(), "DIR")
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let name = "model.layers.1.self_attn.k_proj.weight";
    let missing = changed(|weights| drop(weights.remove(name)));
    assert_eq!(complaint(missing.path()), format!("DIR: tensor `{name}` is missing"));

    let misshapen = changed(|weights| weights.get_mut(name).unwrap().0 = vec![32, 12]);
    let text = format!("DIR: tensor `{name}` has shape [32, 12] where [12, 32] was expected");
    assert_eq!(complaint(misshapen.path()), text);

    let extra = changed(|weights| drop(weights.insert("model.layers.2.x".to_owned(), (vec![1], vec![0.0]))));
    let text = "DIR: tensor `model.layers.2.x` does not belong to this architecture: `num_hidden_layers` is 2";
    assert_eq!(complaint(extra.path()), text);

    let leftovers = [
        ("model.layers.0.self_attn.q_proj.bias", ": this map has no bias, `attention_bias` is not true"),
        ("model.layers.1.mlp.up_proj.bias", ": this map has no bias, `mlp_bias` is not true"),
        ("model.layers.1.self_attn.q_norm.weight", ""),
        ("v_head.summary.weight", ""),
        ("vision_tower.patch_embed.weight", ""),
    ];
    for (name, reason) in leftovers {
        let extra = changed(|weights| drop(weights.insert(name.to_owned(), (vec![1], vec![0.0]))));
        let text = format!("DIR: tensor `{name}` does not belong to this architecture{reason}");
        assert_eq!(complaint(extra.path()), text);
    }
}

#[test]
fn weights_that_are_no_numbers_are_named_with_their_place() {
    let name = "model.layers.1.mlp.down_proj.weight";
    for (value, said) in [(f32::NAN, "NaN"), (f32::NEG_INFINITY, "-inf")] {
        // 32 rows of 40: value 85 is in row 2, column 5.
        let dir = changed(|weights| weights.get_mut(name).unwrap().1[85] = value);
        let text = format!("tensor `{name}` holds numbers that are not finite: {said} at [2, 5] and 0 more");
        assert_eq!(complaint(dir.path()), format!("model.safetensors: {text}"));
    }
}

#[test]
fn shells_that_zero_3_leaves_are_named() {
    let name = "model.embed_tokens.weight";
    let dir = changed(|weights| drop(weights.insert(name.to_owned(), (vec![0], Vec::new()))));
    assert_eq!(complaint(dir.path()), format!("model.safetensors: tensor `{name}` is empty (shape [0])"));
    let hint = load(dir.path(), &device()).unwrap_err().hint().unwrap();
    assert!(hint.contains("zero_to_fp32.py"), "{hint}");
}

#[test]
fn adapters_inside_a_model_are_told_by_name() {
    let map = "base_model.model.model.layers.0.self_attn.q_proj";
    for name in [format!("{map}.lora_A.default.weight"), format!("{map}.base_layer.weight")] {
        let dir = changed(|weights| drop(weights.insert(name.clone(), (vec![1], vec![0.0]))));
        let text = format!("DIR: tensor `{name}` is of an adapter that was saved together with its base");
        assert_eq!(complaint(dir.path()), text);
        assert!(load(dir.path(), &device()).unwrap_err().hint().unwrap().contains("merge_and_unload"));
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let dir = good();
    let path = dir.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for len in [0, 4, 8, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..len]).unwrap();
        let text = complaint(dir.path());
        assert!(text.starts_with("model.safetensors: not a whole safetensors file"), "{len}: {text}");
    }
}

#[test]
fn a_file_without_tensors_is_told_as_such() {
    let dir = changed(Weights::clear);
    assert_eq!(complaint(dir.path()), "model.safetensors: the file holds no tensors");
}

#[test]
fn a_header_that_lies_is_an_error() {
    let header = |json: &str, data: usize| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    };
    let entry =
        |shape: &str, offsets: &str| format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
    let lies = [
        header(&entry("[2]", "[0,8]"), 4),
        header(&entry("[2]", "[0,4]"), 4),
        header(&entry("[2]", "[8,0]"), 8),
        header(&entry("[2]", "[4,12]"), 12),
        header(&entry("[4611686018427387904,4]", "[0,0]"), 0),
        header(&entry("[2]", "[0,18446744073709551615]"), 8),
        [u64::MAX.to_le_bytes().to_vec(), vec![b'{'; 8]].concat(),
    ];
    for lie in lies {
        let dir = good();
        fs::write(dir.path().join("model.safetensors"), &lie).unwrap();
        let text = complaint(dir.path());
        assert!(text.starts_with("model.safetensors: not a whole safetensors file"), "{text}");
    }
}

#[test]
fn integers_are_no_weights() {
    let dir = good();
    let json = r#"{"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}"#;
    let bytes = [(json.len() as u64).to_le_bytes().to_vec(), json.into(), vec![0; 4]].concat();
    fs::write(dir.path().join("model.safetensors"), bytes).unwrap();
    let text = "model.safetensors: tensor `a` is stored as I32; F32, F16 and BF16 are read";
    assert_eq!(complaint(dir.path()), text);
}

#[test]
fn what_is_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    assert!(complaint(&dir.path().join("nowhere")).contains("expected a model directory or a .gguf file"));
    assert_eq!(complaint(dir.path()), "DIR: expected config.json and model.safetensors");
    write_weights(&dir.path().join("model.safetensors"), &weights(&model(false)));
    assert_eq!(complaint(dir.path()), "DIR: expected config.json beside the weights");
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    fs::write(dir.path().join("config.json"), config_json(false).to_string()).unwrap();
    assert_eq!(complaint(dir.path()), "DIR: expected model.safetensors or model.safetensors.index.json");
}

fn with_option(key: &str, value: Value) -> String {
    let dir = good();
    let mut config = config_json(false);
    config[key] = value;
    fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    complaint(dir.path())
}

#[test]
fn options_that_are_not_computed_are_refused_by_name() {
    let refused = [
        ("architectures", json!(["MambaForCausalLM"]), "`architectures` is MambaForCausalLM"),
        ("hidden_act", json!("gelu"), "`hidden_act` is gelu"),
        ("rope_scaling", json!({"rope_type": "llama3", "factor": 8.0}), "`rope_scaling.low_freq_factor` is absent"),
        ("rope_scaling", json!({"type": "linear", "factor": 0.0}), "`rope_scaling.factor` is 0"),
        ("rope_scaling", json!({"type": "dynamic", "factor": 2.0}), "`rope_scaling` is dynamic"),
        ("rope_scaling", json!({"type": "linear", "factor": 2, "mscale": 1}), "`rope_scaling.mscale` is 1"),
        ("rope_parameters", json!({"rope_type": "yarn"}), "`rope_parameters` is yarn"),
        ("rope_interleaved", json!(true), "`rope_interleaved` is true"),
        ("partial_rotary_factor", json!(0.5), "`partial_rotary_factor` is 0.5"),
        ("sliding_window", json!(128), "`sliding_window` is 128"),
        ("layer_types", json!(["sliding_attention"]), "`layer_types` is sliding_attention"),
        ("quantization_config", json!({"bits": 4}), "`quantization_config` is {\"bits\":4}"),
        ("num_key_value_heads", json!(3), "`num_key_value_heads` is 3, no divisor of 4 heads"),
        ("num_hidden_layers", json!(0), "`num_hidden_layers` is 0"),
        ("num_hidden_layers", json!(u64::MAX), "`num_hidden_layers` is 18446744073709551615, more than 10000"),
        ("head_dim", json!(5), "`head_dim` is 5, an odd number"),
        ("head_dim", json!(u64::MAX / 2), "`head_dim` is 9223372036854775807, too wide for 4 heads"),
        ("rope_parameters", json!({"rope_theta": -1.0}), "`rope_theta` is -1"),
    ];
    for (key, value, expected) in refused {
        let text = with_option(key, value);
        assert_eq!(text, format!("config.json: {expected}, which is not supported"));
    }
}

#[test]
fn a_configuration_of_wrong_form_is_named_with_its_line() {
    let dir = good();
    let path = dir.path().join("config.json");
    let pretty = serde_json::to_string_pretty(&config_json(false)).unwrap();
    fs::write(&path, pretty.replace("\"hidden_size\": 32", "\"hidden_size\": \"wide\"")).unwrap();
    // The opening brace and the three lines of `architectures` come before `vocab_size`, line 5.
    assert_eq!(complaint(dir.path()), "config.json:6: invalid type: string \"wide\", expected usize");
    fs::write(&path, &pretty[..40]).unwrap();
    assert!(complaint(dir.path()).starts_with("config.json:"), "{}", complaint(dir.path()));
    fs::write(&path, pretty.replace("\"hidden_size\"", "\"hidden\"")).unwrap();
    assert!(complaint(dir.path()).contains("missing field `hidden_size`"));
}
