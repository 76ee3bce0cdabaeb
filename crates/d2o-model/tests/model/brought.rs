//! Directories as other tools leave them, understood: heads, wrapped names, end tokens.

use std::fs;
use std::path::Path;

use d2o_model::{Dtype, LoadedModel, load, save_hf};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::broken::changed_model;
use crate::tiny::{Weights, config_json, device, model, read, weights, write};

const HEAD: &str = "lm_head.weight";
const EMBEDDING: &str = "model.embed_tokens.weight";

/// A directory whose configuration says that the head is tied, with these changes to the weights of a model that is.
fn tied(change: impl Fn(&mut Weights)) -> TempDir {
    changed_model(true, change)
}

fn loaded(dir: &Path) -> LoadedModel {
    load(dir, &device()).unwrap()
}

fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_head_of_its_own_is_used_and_exported_though_the_configuration_says_tied() {
    let other = |weights: &mut Weights| {
        let mut head = weights[EMBEDDING].clone();
        head.1[7] += 0.5;
        weights.insert(HEAD.to_owned(), head);
    };
    let dir = tied(other);
    let found = loaded(dir.path());
    assert!(!found.config.tie_word_embeddings && !found.model.config().tie_word_embeddings);
    let [warning] = found.warnings.as_slice() else { panic!("{:?}", found.warnings) };
    assert!(warning.contains("`lm_head.weight` has other values: the head in the file is used"), "{warning}");
    let out = tempfile::tempdir().unwrap();
    save_hf(&found.model, out.path(), Dtype::F32, None).unwrap();
    assert_eq!(read(&out.path().join("model.safetensors")), read(&dir.path().join("model.safetensors")));
    assert_eq!(json_file(&out.path().join("config.json"))["tie_word_embeddings"], json!(false));
    // The same weights with the configuration corrected are the same model, and nothing is odd about it.
    let mut corrected = config_json(true);
    corrected["tie_word_embeddings"] = json!(false);
    fs::write(dir.path().join("config.json"), corrected.to_string()).unwrap();
    let corrected = loaded(dir.path());
    assert!(corrected.warnings.is_empty());
    assert_eq!(weights(&corrected.model), weights(&found.model));
}

#[test]
fn an_equal_head_stays_tied_and_a_head_alone_is_the_embedding_too() {
    let original = weights(&model(true));
    let equal = tied(|weights| drop(weights.insert(HEAD.to_owned(), weights[EMBEDDING].clone())));
    let alone = tied(|weights| {
        let embedding = weights.remove(EMBEDDING).unwrap();
        weights.insert(HEAD.to_owned(), embedding);
    });
    for dir in [equal, alone] {
        let found = loaded(dir.path());
        assert!(found.config.tie_word_embeddings && found.warnings.is_empty(), "{:?}", found.warnings);
        assert_eq!(weights(&found.model), original);
    }
}

#[test]
fn heads_that_do_not_fit_are_named() {
    let dir = tied(|weights| drop(weights.insert(HEAD.to_owned(), (vec![49, 32], vec![0.5; 49 * 32]))));
    let error = load(dir.path(), &device()).unwrap_err();
    assert!(error.to_string().contains("`lm_head.weight` has shape [49, 32] where [50, 32] was expected"), "{error}");
    // Untied by the configuration, and no head in the file.
    let dir = tied(|_| {});
    fs::write(dir.path().join("config.json"), config_json(false).to_string()).unwrap();
    let error = load(dir.path(), &device()).unwrap_err();
    assert!(error.to_string().ends_with("tensor `lm_head.weight` is missing"), "{error}");
    assert!(error.hint().unwrap().contains("\"tie_word_embeddings\": true"));
}

#[test]
fn names_of_wrapped_models_are_understood() {
    let original = weights(&model(false));
    let renamed = |rename: &dyn Fn(&str) -> String| {
        let dir = tempfile::tempdir().unwrap();
        let weights = original.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect();
        write(dir.path(), &config_json(false), &weights);
        weights_of(dir.path())
    };
    for prefix in ["_orig_mod.", "module.", "model.", "_forward_module.model.", "base_model.model."] {
        assert_eq!(renamed(&|name| format!("{prefix}{name}")), original, "{prefix}");
    }
    let layers = |name: &str| name.replace(".self_attn.", "._orig_mod.self_attn.");
    assert_eq!(renamed(&layers), original);
    // Without the head's model around them.
    assert_eq!(renamed(&|name| name.strip_prefix("model.").unwrap_or(name).to_owned()), original);
}

fn weights_of(dir: &Path) -> Weights {
    weights(&loaded(dir).model)
}

#[test]
fn end_tokens_are_those_of_the_generation_settings_or_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    // The configuration names 2 and 3.
    write(dir.path(), &config_json(false), &weights(&model(false)));
    let settings = dir.path().join("generation_config.json");
    for (written, expected) in [
        (None, vec![2, 3]),
        (Some(json!({"eos_token_id": [7, 2, 7]})), vec![7, 2]),
        (Some(json!({"eos_token_id": 5})), vec![5]),
        (Some(json!({"eos_token_id": null})), vec![2, 3]),
        (Some(json!({"pad_token_id": 4})), vec![2, 3]),
    ] {
        if let Some(written) = written {
            fs::write(&settings, written.to_string()).unwrap();
        }
        let found = loaded(dir.path());
        assert_eq!((found.end_tokens, found.warnings), (expected, Vec::new()));
    }
    fs::write(&settings, json!({"eos_token_id": [2, 50]}).to_string()).unwrap();
    let found = loaded(dir.path());
    assert_eq!(found.end_tokens, [2]);
    assert!(found.warnings[0].contains("end tokens [50] are beyond the embedding's 50 rows"), "{:?}", found.warnings);

    for (written, expected) in [
        (r#"{"eos_token_id": "<end>"}"#, "`eos_token_id` is \"<end>\", no token's id"),
        (r#"{"eos_token_id": [2, -1]}"#, "`eos_token_id` is -1, no token's id"),
        ("[]", "generation_config.json:1: invalid type: sequence"),
    ] {
        fs::write(&settings, written).unwrap();
        let error = load(dir.path(), &device()).unwrap_err();
        assert!(
            error.to_string().contains(expected) && error.to_string().contains("generation_config.json"),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
}
