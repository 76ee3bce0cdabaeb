//! Which files of a directory are its weights, and what lies in their place.

use std::fs;

use d2o_model::load;
use serde_json::json;
use tempfile::TempDir;

use crate::broken::{complaint, good};
use crate::tiny::{Weights, device, model, read, weights, write_weights};

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
