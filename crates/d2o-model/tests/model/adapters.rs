//! PEFT directories read back, on the base they were made for and on others.

use std::fs;
use std::path::Path;

use d2o_model::{CausalLm, Dtype, ModelConfig, Placement, Trainable, load, load_adapter, save_hf, save_peft};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tiny::{
    Weights, batch, config, config_json, device, floats, ids, model, moved, read, weights, worst, write_weights,
};

fn adapted(targets: &[&str], last_layers: Option<usize>) -> CausalLm {
    let targets = targets.iter().map(|&target| target.to_owned()).collect();
    let lora = Trainable::Lora { rank: 3, alpha: 8.0, targets, last_layers };
    moved(model(false).train_on(&lora, 1, &device().autodiff()).unwrap()).frozen()
}

fn saved(model: &CausalLm) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    save_peft(model, dir.path(), "some/base").unwrap();
    dir
}

fn hidden(model: &CausalLm) -> Vec<f32> {
    floats(model.hidden(batch(&[ids(1, 6)]), &Placement::causal(1, 6, &device())))
}

/// The complaint about `dir` on `base`, less the directory.
fn complaint(base: &CausalLm, dir: &Path) -> String {
    let error = load_adapter(base, dir).expect_err("the adapter is wrong");
    assert!(error.hint().is_some(), "{error} has no hint");
    error.to_string().replace(&format!("{}/", dir.display()), "").replace(&dir.display().to_string(), "DIR")
}

fn with_option(key: &str, value: Value) -> TempDir {
    let dir = saved(&adapted(&["q_proj"], None));
    change_config(dir.path(), key, value);
    dir
}

fn change_config(dir: &Path, key: &str, value: Value) {
    let path = dir.join("adapter_config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    fs::write(path, config.to_string()).unwrap();
}

#[test]
fn what_was_saved_comes_back_apart_from_the_weights() {
    for (targets, last_layers) in [(&[][..], None), (&["o_proj", "gate_proj"][..], Some(1))] {
        let original = adapted(targets, last_layers);
        let dir = saved(&original);
        let loaded = load_adapter(&model(false), dir.path()).unwrap();
        assert_eq!(loaded.base.as_deref(), Some("some/base"));
        assert_eq!(loaded.files.len(), 2);
        assert!(loaded.model.has_adapters() && loaded.model.trainable_parameters() == 0);
        assert_eq!(hidden(&loaded.model), hidden(&original));
        // The base below is untouched, and folding in gives what folding in the original gives.
        assert_eq!(hidden(&loaded.model.base()), hidden(&model(false)));
        assert_eq!(weights(&loaded.model), weights(&original));
    }
}

#[test]
fn adapters_fit_a_rounded_base() {
    let dir = tempfile::tempdir().unwrap();
    save_hf(&model(false), dir.path(), Dtype::Bf16, None).unwrap();
    let rounded = load(dir.path(), &device()).unwrap().model;
    assert!(load_adapter(&rounded, saved(&adapted(&[], None)).path()).is_ok());
}

#[test]
fn another_base_of_the_same_shapes_is_noticed() {
    let dir = saved(&adapted(&["q_proj"], None));
    let other = CausalLm::init(&config(false), 99, &device());
    let text = complaint(&other, dir.path());
    assert!(text.starts_with("adapter_model.safetensors: the adapters were trained on other weights"), "{text}");
    // Without the sketch, as PEFT writes it, nothing tells the two apart.
    let path = dir.path().join("adapter_model.safetensors");
    let tensors = read(&path);
    write_weights(&path, &tensors);
    assert!(load_adapter(&other, dir.path()).is_ok());
}

#[test]
fn another_base_of_other_shapes_is_named() {
    let dir = saved(&adapted(&["q_proj"], None));
    let path = dir.path().join("adapter_model.safetensors");
    let tensors = read(&path);
    write_weights(&path, &tensors);
    let base = |key: &str, value: u64| {
        let mut json = config_json(false);
        json[key] = json!(value);
        CausalLm::init(&ModelConfig::from_json(Path::new("config.json"), json).unwrap(), 1, &device())
    };
    let name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    let wide = complaint(&base("hidden_size", 64), dir.path());
    let expected = format!("tensor `{name}` has shape [3, 32] where this base needs [3, 64]; they are for `some/base`");
    assert_eq!(wide, format!("adapter_model.safetensors: {expected}"));
    let shallow = complaint(&base("num_hidden_layers", 1), dir.path());
    assert!(shallow.contains("layers.1.self_attn.q_proj.lora_A.weight` belongs to no linear map"), "{shallow}");
}

#[test]
fn factors_come_in_pairs_of_the_rank_that_is_named() {
    let dir = saved(&adapted(&["q_proj"], None));
    let path = dir.path().join("adapter_model.safetensors");
    let whole = read(&path);
    let name = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight";
    let mut half = whole.clone();
    half.remove(name);
    write_weights(&path, &half);
    assert_eq!(complaint(&model(false), dir.path()), format!("adapter_model.safetensors: tensor `{name}` is missing"));
    let dir = with_option("r", json!(4));
    let text = complaint(&model(false), dir.path());
    assert!(text.contains("has shape [3, 32], and `r` in adapter_config.json is 4"), "{text}");
}

/// An adapter of `q_proj` and `v_proj` whose tensors `change` has changed, without the sketch.
fn with_tensors(change: impl Fn(&mut Weights)) -> TempDir {
    let dir = saved(&adapted(&["q_proj", "v_proj"], None));
    let path = dir.path().join("adapter_model.safetensors");
    let mut tensors = read(&path);
    change(&mut tensors);
    write_weights(&path, &tensors);
    dir
}

#[test]
fn factors_that_the_configuration_names_must_be_there() {
    let said = |change: &dyn Fn(&mut Weights)| complaint(&model(false), with_tensors(change).path());
    let none = said(&|tensors| tensors.clear());
    let expected = "the adapter holds no factors, though adapter_config.json names `q_proj`, `v_proj`";
    assert_eq!(none, format!("adapter_model.safetensors: {expected}"));
    for (left_out, map) in [
        (".v_proj.", "model.layers.0.self_attn.v_proj"),
        ("layers.1.", "model.layers.1.self_attn.q_proj"),
        ("layers.1.self_attn.v_proj", "model.layers.1.self_attn.v_proj"),
    ] {
        let text = said(&|tensors| tensors.retain(|name, _| !name.contains(left_out)));
        let expected = format!("the adapter has no factors for `{map}`, which adapter_config.json names");
        assert_eq!(text, format!("adapter_model.safetensors: {expected}"));
    }
    let dir = with_tensors(|_| {});
    change_config(dir.path(), "target_modules", json!(["q_proj"]));
    let text = complaint(&model(false), dir.path());
    let expected = "has factors for `model.layers.0.self_attn.v_proj`, which adapter_config.json does not name";
    assert!(text.contains(expected), "{text}");
    change_config(dir.path(), "target_modules", json!(r".*self_attn\.(q|v)_proj"));
    assert!(load_adapter(&model(false), dir.path()).is_ok());
    change_config(dir.path(), "target_modules", json!(r".*self_attn\.(q|k)_proj"));
    let text = complaint(&model(false), dir.path());
    assert!(text.contains("has no factors for `model.layers.0.self_attn.k_proj`"), "{text}");
    change_config(dir.path(), "target_modules", json!(r"language_model\..*self_attn\.(q|v)_proj"));
    assert!(load_adapter(&model(false), dir.path()).is_ok(), "an expression over other names says nothing here");
}

#[test]
fn factors_of_other_names_are_understood_or_named() {
    let plain = hidden(&load_adapter(&model(false), with_tensors(|_| {}).path()).unwrap().model);
    let renamed = |rename: &dyn Fn(&str) -> String| {
        let dir = with_tensors(|tensors| {
            *tensors = std::mem::take(tensors).into_iter().map(|(name, tensor)| (rename(&name), tensor)).collect();
        });
        hidden(&load_adapter(&model(false), dir.path()).unwrap().model)
    };
    assert_eq!(renamed(&|name| name.replace(".weight", ".default.weight")), plain);
    assert_eq!(renamed(&|name| format!("module._orig_mod.{name}")), plain);
    assert_eq!(renamed(&|name| name.replace("base_model.model.", "")), plain);
    assert_eq!(renamed(&|name| name.replace("base_model.model.model.", "base_model.model.")), plain);

    let said = |name: &str| {
        let dir = with_tensors(|tensors| drop(tensors.insert(name.to_owned(), (vec![1], vec![1.0]))));
        complaint(&model(false), dir.path())
    };
    let map = "base_model.model.model.layers.0.self_attn.q_proj";
    assert!(said(&format!("{map}.lora_A.other.weight")).contains("the file holds two adapters"));
    for name in [format!("{map}.lora_magnitude_vector"), "base_model.model.lm_head.weight".to_owned()] {
        let text = said(&name);
        assert!(text.contains("is no factor of a linear map in the layers"), "{text}");
    }
    let text = said("base_model.model.lm_head.lora_A.weight");
    assert!(text.contains("lm_head.lora_A.weight` belongs to no linear map"), "{text}");
}

#[test]
fn factors_without_usable_numbers_are_named_and_idle_ones_told() {
    let name = "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight";
    let empty = with_tensors(|tensors| drop(tensors.insert(name.to_owned(), (vec![0], Vec::new()))));
    assert!(complaint(&model(false), empty.path()).contains(&format!("tensor `{name}` is empty (shape [0])")));
    let nan = with_tensors(|tensors| tensors.get_mut(name).unwrap().1[0] = f32::NAN);
    assert!(
        complaint(&model(false), nan.path()).contains(&format!("tensor `{name}` holds numbers that are not finite"))
    );
    let idle = with_tensors(|tensors| {
        let second = tensors.iter_mut().filter(|(name, _)| name.contains("lora_B"));
        second.for_each(|(_, (_, values))| values.fill(0.0));
    });
    let [warning] = &load_adapter(&model(false), idle.path()).unwrap().warnings[..] else { panic!("one warning") };
    assert!(warning.contains("every `lora_B` is zero, so the adapter changes nothing"), "{warning}");
}

#[test]
fn maps_of_only_some_layers_are_named_in_full() {
    let under = adapted(&["q_proj"], None);
    let lora = Trainable::Lora { rank: 2, alpha: 1.0, targets: vec!["up_proj".to_owned()], last_layers: Some(1) };
    let top = moved(under.merge_adapters().train_on(&lora, 5, &device().autodiff()).unwrap());
    let both = top.stack_adapters(&under).unwrap();
    let dir = saved(&both);
    let config: Value = serde_json::from_slice(&fs::read(dir.path().join("adapter_config.json")).unwrap()).unwrap();
    let maps = ["layers.0.self_attn.q_proj", "layers.1.self_attn.q_proj", "layers.1.mlp.up_proj"];
    assert_eq!(config["target_modules"], json!(maps.map(|map| format!("model.{map}"))));
    assert_eq!(config["layers_to_transform"], Value::Null);
    assert_eq!(hidden(&load_adapter(&model(false), dir.path()).unwrap().model), hidden(&both));
}

#[test]
fn options_that_are_not_computed_are_refused_by_name() {
    let refused = [
        ("peft_type", json!("LOHA"), "`peft_type` is LOHA"),
        ("bias", json!("all"), "`bias` is all"),
        ("use_dora", json!(true), "`use_dora` is true"),
        ("lora_bias", json!(true), "`lora_bias` is true"),
        ("modules_to_save", json!(["lm_head"]), "`modules_to_save` is [\"lm_head\"]"),
        ("rank_pattern", json!({"q_proj": 0}), "`rank_pattern` is 0 for `q_proj`"),
        ("alpha_pattern", json!({"(": 2}), "`alpha_pattern` is a table with `(`, which is no expression"),
        ("alpha_pattern", json!([2]), "`alpha_pattern` is [2]"),
        ("init_lora_weights", json!("pissa"), "`init_lora_weights` is pissa"),
        ("some_option_to_come", json!("on"), "`some_option_to_come` is \"on\""),
        (
            "target_modules",
            json!(["q_proj", "lm_head"]),
            "`target_modules` is a list with `lm_head`, a map outside the layers",
        ),
    ];
    for (key, value, expected) in refused {
        let text = complaint(&model(false), with_option(key, value).path());
        assert_eq!(text, format!("adapter_config.json: {expected}, which is not supported"));
    }
    for (key, value) in [("init_lora_weights", json!(true)), ("use_dora", json!(false)), ("rank_pattern", json!({}))] {
        assert!(load_adapter(&model(false), with_option(key, value).path()).is_ok(), "{key}");
    }
}

#[test]
fn rank_stabilised_adapters_are_scaled_by_the_root() {
    // alpha 8, rank 3: 8 / √3 instead of 8 / 3, which alpha 8 √3 would give.
    let stabilised = load_adapter(&model(false), with_option("use_rslora", json!(true)).path()).unwrap().model;
    let larger = load_adapter(&model(false), with_option("lora_alpha", json!(8.0 * 3f64.sqrt())).path()).unwrap().model;
    assert!(worst(&hidden(&stabilised), &hidden(&larger)) < 1e-6);
    assert!(worst(&hidden(&stabilised), &hidden(&adapted(&["q_proj"], None))) > 1e-3);
}

#[test]
fn ranks_and_alphas_of_some_maps_are_their_own() {
    let all = adapted(&["q_proj", "up_proj"], None);
    let plain = hidden(&load_adapter(&model(false), saved(&all).path()).unwrap().model);
    // The file's rank is 3 and its alpha 8: the same again, said for each map on its own.
    let dir = saved(&all);
    change_config(dir.path(), "r", json!(64));
    change_config(dir.path(), "rank_pattern", json!({"q_proj": 3, r"layers\.\d+\.mlp\.up_proj": 3}));
    change_config(dir.path(), "lora_alpha", json!(1));
    change_config(dir.path(), "alpha_pattern", json!({"self_attn.q_proj": 8, r".*up_proj": 8}));
    assert_eq!(hidden(&load_adapter(&model(false), dir.path()).unwrap().model), plain);
    // Twice the alpha of one map is twice its second factor.
    change_config(dir.path(), "alpha_pattern", json!({"layers.1.self_attn.q_proj": 16, "q_proj": 8, "up_proj": 8}));
    let louder = hidden(&load_adapter(&model(false), dir.path()).unwrap().model);
    let doubled = saved(&all);
    let path = doubled.path().join("adapter_model.safetensors");
    let mut tensors = read(&path);
    let name = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight";
    tensors.get_mut(name).unwrap().1.iter_mut().for_each(|value| *value *= 2.0);
    write_weights(&path, &tensors);
    let expected = hidden(&load_adapter(&model(false), doubled.path()).unwrap().model);
    assert!(worst(&louder, &expected) < 1e-6 && worst(&louder, &plain) > 1e-4);
    change_config(dir.path(), "rank_pattern", json!({"q_proj": 4, "up_proj": 3}));
    let text = complaint(&model(false), dir.path());
    assert!(text.contains("and `rank_pattern` in adapter_config.json is 4"), "{text}");
}

#[test]
fn files_that_are_not_there_are_said() {
    let dir = saved(&adapted(&["q_proj"], None));
    let path = dir.path().join("adapter_model.safetensors");
    fs::rename(&path, dir.path().join("adapter_model.bin")).unwrap();
    let text = complaint(&model(false), dir.path());
    assert!(text.starts_with("adapter_model.bin: expected adapter_model.safetensors; pickled weights"), "{text}");
    fs::remove_file(dir.path().join("adapter_model.bin")).unwrap();
    assert_eq!(complaint(&model(false), dir.path()), "DIR: expected adapter_model.safetensors");
    let above = tempfile::tempdir().unwrap();
    fs::create_dir(above.path().join("policy")).unwrap();
    fs::write(above.path().join("policy/adapter_config.json"), "{}").unwrap();
    let text = "DIR: expected adapter_config.json; there is an adapter in policy below it";
    assert_eq!(complaint(&model(false), above.path()), text);
    let twice = load_adapter(&adapted(&["q_proj"], None), dir.path()).unwrap_err();
    assert!(twice.to_string().contains("has adapters already"));
}

#[test]
fn an_adapter_on_top_of_an_adapter_is_one_on_the_base() {
    let under = adapted(&["q_proj", "up_proj"], None);
    let lora = Trainable::Lora { rank: 2, alpha: 1.0, targets: vec!["up_proj".to_owned()], last_layers: Some(1) };
    let top = moved(under.merge_adapters().train_on(&lora, 5, &device().autodiff()).unwrap());
    let both = top.stack_adapters(&under).unwrap();
    let difference = worst(&hidden(&both), &hidden(&top.frozen()));
    assert!(difference < 2e-5, "{difference}");
    assert_eq!(hidden(&both.base()), hidden(&model(false)));
    // One rank, 3 + 2, holds for all, so PEFT's configuration can say it.
    let dir = saved(&both);
    let again = load_adapter(&model(false), dir.path()).unwrap().model;
    assert_eq!(hidden(&again), hidden(&both));
}
