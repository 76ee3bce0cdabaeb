//! Directories that are wrong, each named.

use std::fs;
use std::path::Path;

use d2o_model::{ModelError, load};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tiny::{Weights, config_json, device, model, weights, write, write_weights};

fn good() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &config_json(false), &weights(&model(false)));
    dir
}

fn changed(change: impl Fn(&mut Weights)) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut weights = weights(&model(false));
    change(&mut weights);
    write(dir.path(), &config_json(false), &weights);
    dir
}

/// The complaint about `dir`, less the directory itself.
fn complaint(dir: &Path) -> String {
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
    let text = "DIR: tensor `model.layers.2.x` does not belong to this architecture";
    assert_eq!(complaint(extra.path()), text);
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

/// A directory with two shards whose index says `map`.
fn sharded(map: impl Fn(&str) -> Option<String>, extra: &[(&str, &str)]) -> TempDir {
    let dir = good();
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    let (mut first, mut second) = (Weights::new(), Weights::new());
    let mut index = serde_json::Map::new();
    for (name, tensor) in weights(&model(false)) {
        let shard = if name.contains("layers.0") { &mut first } else { &mut second };
        shard.insert(name.clone(), tensor);
        let file = if name.contains("layers.0") { "a.safetensors" } else { "b.safetensors" };
        index.insert(name, json!(map(file).unwrap_or_else(|| file.to_owned())));
    }
    index.extend(extra.iter().map(|(name, file)| ((*name).to_owned(), json!(file))));
    write_weights(&dir.path().join("a.safetensors"), &first);
    write_weights(&dir.path().join("b.safetensors"), &second);
    let index = json!({"metadata": {}, "weight_map": index}).to_string();
    fs::write(dir.path().join("model.safetensors.index.json"), index).unwrap();
    dir
}

#[test]
fn an_index_must_tell_the_truth() {
    let index = "model.safetensors.index.json";
    let fine = sharded(|_| None, &[]);
    assert_eq!(load(fine.path(), &device()).unwrap().files.len(), 2);

    fs::remove_file(fine.path().join("b.safetensors")).unwrap();
    assert_eq!(complaint(fine.path()), format!("b.safetensors: expected a shard that {index} names"));

    let promised = sharded(|_| None, &[("model.extra", "a.safetensors")]);
    assert_eq!(complaint(promised.path()), format!("{index}: tensor `model.extra` is missing"));

    let outside = sharded(|file| Some(format!("../{file}")), &[]);
    assert_eq!(complaint(outside.path()), format!("{index}: shard `../a.safetensors` is not a file name"));

    let twice = sharded(|_| None, &[]);
    fs::copy(twice.path().join("a.safetensors"), twice.path().join("b.safetensors")).unwrap();
    assert!(complaint(twice.path()).contains("is in another shard as well"));
}

#[test]
fn pickled_weights_are_not_opened() {
    let dir = good();
    fs::rename(dir.path().join("model.safetensors"), dir.path().join("pytorch_model.bin")).unwrap();
    let text = complaint(dir.path());
    assert!(text.starts_with("pytorch_model.bin: expected model.safetensors; pickled weights can run code"), "{text}");
}

#[test]
fn what_is_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    assert!(complaint(&dir.path().join("nowhere")).contains("expected a model directory or a .gguf file"));
    assert!(complaint(dir.path()).starts_with("config.json: "));
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
