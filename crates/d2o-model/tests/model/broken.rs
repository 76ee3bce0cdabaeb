//! Directories that are wrong, each named.

use std::fs;
use std::path::Path;

use d2o_model::{ModelError, load};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tiny::{Weights, config_json, device, model, read, weights, write, write_weights};

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
    let field = "field `weight_map`: shard";
    assert_eq!(complaint(outside.path()), format!("{index}:1: {field} `../a.safetensors` is not a file name"));
    for place in ["/etc/passwd", "below/a.safetensors", "..", "."] {
        let outside = sharded(|_| Some(place.to_owned()), &[]);
        assert_eq!(complaint(outside.path()), format!("{index}:1: {field} `{place}` is not a file name"));
    }
}

#[test]
fn a_tensor_in_two_shards_must_be_the_same() {
    let name = "model.norm.weight";
    let dir = sharded(|_| None, &[]);
    let (first, second) = (dir.path().join("a.safetensors"), dir.path().join("b.safetensors"));
    let mut repeated = read(&first);
    repeated.insert(name.to_owned(), read(&second)[name].clone());
    write_weights(&first, &repeated);
    assert!(load(dir.path(), &device()).is_ok(), "a copy says nothing new");
    repeated.get_mut(name).unwrap().1[0] += 1.0;
    write_weights(&first, &repeated);
    let text = format!("b.safetensors: tensor `{name}` is in another shard as well, with other values");
    assert_eq!(complaint(dir.path()), text);
}

#[test]
fn a_whole_file_beside_shards_must_be_the_same_model() {
    let dir = sharded(|_| None, &[]);
    let single = dir.path().join("model.safetensors");
    write_weights(&single, &weights(&model(false)));
    assert_eq!(load(dir.path(), &device()).unwrap().files, [single.as_path()], "the same weights twice");
    let mut other = weights(&model(false));
    other.get_mut("lm_head.weight").unwrap().1[3] += 1.0;
    write_weights(&single, &other);
    let text = "tensor `lm_head.weight` is another one in model.safetensors: the directory holds two models";
    assert_eq!(complaint(dir.path()), format!("b.safetensors: {text}"));
    // An index that lost its shards is nobody's.
    fs::remove_file(dir.path().join("a.safetensors")).unwrap();
    assert!(load(dir.path(), &device()).is_ok());
}

#[test]
fn shards_without_an_index_are_found_by_their_numbers() {
    let dir = sharded(|_| None, &[]);
    fs::remove_file(dir.path().join("model.safetensors.index.json")).unwrap();
    let shard = |number: usize| dir.path().join(format!("model-0000{number}-of-00002.safetensors"));
    fs::rename(dir.path().join("a.safetensors"), shard(1)).unwrap();
    fs::rename(dir.path().join("b.safetensors"), shard(2)).unwrap();
    assert_eq!(load(dir.path(), &device()).unwrap().files, [shard(1), shard(2)]);
    fs::remove_file(shard(1)).unwrap();
    assert_eq!(complaint(dir.path()), "model-00001-of-00002.safetensors: expected a shard beside the others");
}

#[test]
fn a_pointer_in_place_of_a_file_is_told() {
    let dir = good();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 269060552\n";
    fs::write(dir.path().join("model.safetensors"), pointer).unwrap();
    let text = "model.safetensors: is a Git LFS pointer, not the file that it points to";
    assert_eq!(complaint(dir.path()), text);
    assert!(load(dir.path(), &device()).unwrap_err().hint().unwrap().contains("git lfs pull"));
}

#[test]
fn pickled_weights_are_not_opened() {
    let dir = good();
    fs::rename(dir.path().join("model.safetensors"), dir.path().join("pytorch_model.bin")).unwrap();
    let text = complaint(dir.path());
    assert!(text.starts_with("pytorch_model.bin: expected model.safetensors; pickled weights can run code"), "{text}");
}

/// The complaint about a directory with these files in the place of its weights, and the hint.
fn instead(names: &[&str]) -> (String, String) {
    let dir = good();
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    for name in names {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}").unwrap();
    }
    let hint = load(dir.path(), &device()).unwrap_err().hint().unwrap();
    (complaint(dir.path()), hint)
}

#[test]
fn what_lies_in_the_place_of_weights_is_named_with_what_makes_weights_of_it() {
    let wanted = "model.safetensors or model.safetensors.index.json";
    let cases: [(&[&str], &str, &str); 7] = [
        // Not the optimizer's state, which comes first by its name.
        (
            &[
                "optimizer.pt",
                "pytorch_model-00002-of-00002.bin",
                "pytorch_model-00001-of-00002.bin",
                "training_args.bin",
            ],
            "pytorch_model-00001-of-00002.bin: expected model.safetensors; pickled weights can run code when opened",
            "AutoModelForCausalLM.from_pretrained",
        ),
        (&["consolidated.00.pth"], "consolidated.00.pth: expected model.safetensors; pickled", "Hugging Face's layout"),
        (&["consolidated.safetensors"], "consolidated.safetensors: expected model", "Hugging Face's layout"),
        (&["tf_model.h5"], "tf_model.h5: expected model", "from_tf=True"),
        (&["__0_0.distcp"], "__0_0.distcp: expected model", "merge-weights"),
        (&["model.fp16.safetensors"], "DIR: expected model", "rename model.fp16.safetensors to model.safetensors"),
        (&["checkpoint-500/config.json"], "DIR: expected model", "checkpoint-500"),
    ];
    for (names, said, remedy) in cases {
        let (text, hint) = instead(names);
        assert!(text.starts_with(said), "{names:?}: {text}");
        assert!(hint.contains(remedy), "{names:?}: {hint}");
    }
    assert_eq!(instead(&["training_args.bin"]).0, format!("DIR: expected {wanted}"));
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
