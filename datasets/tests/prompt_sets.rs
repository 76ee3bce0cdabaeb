//! The built-in sets have the rows and fields that the README names, and no prompt of training is one of evaluation.

use std::collections::HashSet;

use d2o_datasets::hearth::BASE_MODEL;
use d2o_datasets::{FETCH_MANIFEST, PROMPT_SETS, prompt_set};
use serde_json::Value;

fn rows(name: &str) -> Vec<Value> {
    prompt_set(name).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_set_has_its_rows_and_fields() {
    let answered = ["id", "category", "prompt", "response"].as_slice();
    let asked = ["id", "prompt"].as_slice();
    let expected = [
        ("benign", 174, answered),
        ("sounding_harmful", 72, asked),
        ("retain", 64, answered),
        ("retain_everyday", 126, asked),
        ("retain_sounding", 72, asked),
    ];
    assert_eq!(PROMPT_SETS.map(|(name, _)| name), expected.map(|(name, _, _)| name));
    for (name, count, fields) in expected {
        let rows = rows(name);
        assert_eq!(rows.len(), count, "{name}");
        let ids: HashSet<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), count, "{name}: ids are unique");
        for row in &rows {
            let found: HashSet<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(found, fields.iter().copied().collect(), "{name}");
        }
    }
    assert_eq!(prompt_set("no such set"), None);
}

#[test]
fn training_and_evaluation_share_no_prompt() {
    let prompts = |names: &[&str]| -> HashSet<String> {
        let rows = names.iter().flat_map(|name| rows(name));
        rows.map(|row| row["prompt"].as_str().unwrap().to_lowercase()).collect()
    };
    let evaluation = prompts(&["benign", "sounding_harmful"]);
    assert!(prompts(&["retain", "retain_everyday", "retain_sounding"]).is_disjoint(&evaluation));
}

#[test]
fn the_base_model_and_the_manifest_are_inside() {
    let (names, sizes): (Vec<&str>, Vec<usize>) = BASE_MODEL.iter().map(|(name, bytes)| (*name, bytes.len())).unzip();
    assert_eq!((names[0], names[5]), ("config.json", "model.safetensors"));
    assert!(sizes.iter().all(|&size| size > 0) && sizes[5] <= 2_500_000, "{sizes:?}");
    let manifest: toml::Table = FETCH_MANIFEST.parse().unwrap();
    assert!(manifest["entry"].as_array().is_some_and(|entries| !entries.is_empty()));
}
