//! Models written and read back.

use std::path::Path;

use d2o_model::{CausalLm, Dtype, Placement, load, save_hf};
use half::{bf16, f16};
use serde_json::Value;

use crate::tiny::{batch, config_json, device, floats, ids, model, read, weights};

fn hidden(model: &CausalLm) -> Vec<f32> {
    floats(model.hidden(batch(&[ids(1, 6)]), &Placement::causal(1, 6, &device())))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn f32_round_trips_bit_by_bit() {
    for tied in [false, true] {
        let model = model(tied);
        let dir = tempfile::tempdir().unwrap();
        save_hf(&model, dir.path(), Dtype::F32, None).unwrap();
        let loaded = load(dir.path(), &device()).unwrap();
        assert_eq!(weights(&loaded.model), weights(&model));
        assert_eq!(hidden(&loaded.model), hidden(&model));
        assert_eq!(loaded.files, [dir.path().join("model.safetensors")]);
        assert!(loaded.gguf.is_none());
        assert_eq!(read(&loaded.files[0]).contains_key("lm_head.weight"), !tied);
    }
}

#[test]
fn the_configuration_is_kept_but_for_the_type() {
    let dir = tempfile::tempdir().unwrap();
    save_hf(&model(false), dir.path(), Dtype::Bf16, None).unwrap();
    let mut written = json(&dir.path().join("config.json"));
    assert_eq!(written.as_object_mut().unwrap().remove("dtype"), Some("bfloat16".into()));
    assert_eq!(written, config_json(false));
    let config = load(dir.path(), &device()).unwrap().config;
    assert_eq!(config.eos_token_ids(), [2, 3]);
    assert_eq!((config.bos_token_id(), config.ropes()[0].theta), (Some(1), 500.0));
}

#[test]
fn shards_hold_what_one_file_holds() {
    let model = model(false);
    let dir = tempfile::tempdir().unwrap();
    save_hf(&model, dir.path(), Dtype::F32, None).unwrap();
    save_hf(&model, dir.path(), Dtype::F32, Some(12_000)).unwrap();
    assert!(!dir.path().join("model.safetensors").exists(), "the file of the first export is gone");
    let index = json(&dir.path().join("model.safetensors.index.json"));
    assert_eq!(index["metadata"]["total_size"], 4 * model.parameters());
    let loaded = load(dir.path(), &device()).unwrap();
    assert!(loaded.files.len() > 2, "{:?}", loaded.files);
    for file in &loaded.files {
        let bytes: usize = read(file).values().map(|(_, values)| 4 * values.len()).sum();
        assert!(bytes <= 12_000, "{bytes} bytes in {file:?}");
    }
    assert_eq!(weights(&loaded.model), weights(&model));
}

#[test]
fn half_precision_rounds_every_value_to_nearest() {
    let model = model(false);
    for dtype in [Dtype::Bf16, Dtype::F16] {
        let round = |value| match dtype {
            Dtype::Bf16 => bf16::from_f32(value).to_f32(),
            _ => f16::from_f32(value).to_f32(),
        };
        let dir = tempfile::tempdir().unwrap();
        save_hf(&model, dir.path(), dtype, None).unwrap();
        let loaded = weights(&load(dir.path(), &device()).unwrap().model);
        for (name, (_, values)) in weights(&model) {
            let expected: Vec<f32> = values.into_iter().map(round).collect();
            assert_eq!(loaded[&name].1, expected, "{name} as {dtype:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_model() {
    let config = crate::tiny::config(false);
    let init = |seed| weights(&CausalLm::init(&config, seed, &device()));
    assert_eq!(init(1), init(1));
    assert_ne!(init(1), init(2));
}
