//! Models in several files.

use std::fs;
use std::path::{Path, PathBuf};

use d2o_gguf::{GgufError, GgufFile, Value};
use d2o_testing::gguf::Writer;
use tempfile::TempDir;

use crate::open::without_path;

/// Piece `number` (from 1) of `count` with one tensor, as `llama-gguf-split` writes it.
fn piece(number: u16, count: u16, tensor: &str, tensors: u32) -> Writer {
    const U16: u32 = 2;
    let mut file = Writer::new();
    if number == 1 {
        file.text("general.architecture", "llama");
    }
    file.raw("split.no", U16, &(number - 1).to_le_bytes())
        .raw("split.count", U16, &count.to_le_bytes())
        .u32("split.tensors.count", tensors)
        .floats(tensor, &[2], &[f32::from(number), 0.5]);
    file
}

fn name(number: usize, count: usize) -> String {
    format!("tiny-{number:05}-of-{count:05}.gguf")
}

/// Three pieces with the tensors `a`, `b` and `c`, some of them changed.
fn pieces(change: impl Fn(usize, &mut Writer)) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (number, tensor) in [(1, "a"), (2, "b"), (3, "c")] {
        let mut file = piece(number, 3, tensor, 3);
        change(number.into(), &mut file);
        fs::write(dir.path().join(name(number.into(), 3)), file.bytes()).unwrap();
    }
    dir
}

fn refused(path: &Path) -> String {
    let error = GgufFile::open(path).expect_err("the pieces are wrong");
    assert!(error.hint().unwrap().contains(if matches!(error, GgufError::Piece { .. }) { "--merge" } else { "" }));
    error.to_string().replace(&format!("{}/", path.parent().unwrap().display()), "")
}

#[test]
fn whichever_piece_is_given_all_are_read() {
    let dir = pieces(|_, _| {});
    let files: Vec<PathBuf> = (1..=3).map(|number| dir.path().join(name(number, 3))).collect();
    for given in &files {
        let file = GgufFile::open(given).unwrap();
        assert_eq!(file.files(), files);
        assert_eq!(file.architecture(), Some("llama"));
        assert_eq!(file.tensor_names().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(file.metadata("split.no"), Some(&Value::Unsigned(0)), "the metadata are the first piece's");
        for (tensor, first) in [("a", 1.0), ("b", 2.0), ("c", 3.0)] {
            assert_eq!(file.tensor_f32(tensor).unwrap(), [first, 0.5]);
        }
    }
}

#[test]
fn a_whole_model_has_one_file() {
    let dir = tempfile::tempdir().unwrap();
    // One piece of one is whole, by whatever name.
    for (file, name) in [(piece(1, 1, "a", 1), "tiny.gguf"), (piece(1, 1, "a", 1), "tiny-00001-of-00001.gguf")] {
        let path = dir.path().join(name);
        fs::write(&path, file.bytes()).unwrap();
        assert_eq!(GgufFile::open(&path).unwrap().files(), [path]);
    }
}

#[test]
fn a_missing_piece_is_named() {
    let dir = pieces(|_, _| {});
    fs::remove_file(dir.path().join(name(2, 3))).unwrap();
    for given in [1, 3] {
        let text = refused(&dir.path().join(name(given, 3)));
        let expected = "tiny-00002-of-00003.gguf: is missing: piece 2 of 3 of the split model that";
        assert_eq!(text, format!("{expected} {} belongs to", name(given, 3)));
    }
}

#[test]
fn names_and_metadata_must_agree() {
    let dir = pieces(|_, _| {});
    let (first, second) = (dir.path().join(name(1, 3)), dir.path().join(name(2, 3)));
    let renamed = dir.path().join("tiny.gguf");
    fs::copy(&second, &renamed).unwrap();
    let text = refused(&renamed);
    assert!(text.starts_with("tiny.gguf: is piece 2 of 3 of a split model, and its name does not end in"), "{text}");
    let other = dir.path().join(name(1, 4));
    fs::copy(&first, &other).unwrap();
    let text = refused(&other);
    assert!(text.contains("is named as piece 1 of 4, but is piece 1 of 3"), "{text}");
    fs::copy(&first, &second).unwrap();
    let text = refused(&first);
    let expected = "tiny-00002-of-00003.gguf: is piece 1 of 3 of a split model by its metadata, where piece 2 of 3";
    assert!(text.starts_with(expected), "{text}");

    let dir = pieces(|_, file| {
        file.without("split.count");
    });
    let text = refused(&dir.path().join(name(1, 3)));
    assert_eq!(text, format!("{}: is named as piece 1 of 3, and its metadata have no `split.count`", name(1, 3)));
    let dir = pieces(|number, file| {
        file.u32("split.no", if number == 1 { 7 } else { 1 });
    });
    let text = refused(&dir.path().join(name(1, 3)));
    assert!(text.contains("metadata `split.no`: expected the number of a piece, from 0 to 2"), "{text}");
}

#[test]
fn pieces_hold_the_tensors_that_are_promised_each_once() {
    let dir = pieces(|_, file| {
        file.u32("split.tensors.count", 4);
    });
    let text = refused(&dir.path().join(name(1, 3)));
    assert!(text.contains("of 4 tensors by `split.tensors.count`, and its pieces hold 3"), "{text}");
    let dir = pieces(|number, file| {
        if number == 3 {
            file.without("c").floats("a", &[2], &[0.0; 2]);
        }
    });
    let text = refused(&dir.path().join(name(2, 3)));
    assert!(text.starts_with(&format!("{}: tensor `a` is in ", name(3, 3))), "{text}");
}

#[test]
fn a_cut_piece_is_the_one_that_is_named() {
    let dir = pieces(|_, _| {});
    let second = dir.path().join(name(2, 3));
    let bytes = fs::read(&second).unwrap();
    fs::write(&second, &bytes[..bytes.len() - 4]).unwrap();
    let error = GgufFile::open(&dir.path().join(name(1, 3))).unwrap_err();
    assert!(matches!(error, GgufError::Format { .. }));
    assert!(without_path(&error, &second).contains("to end inside the file"), "{error}");
}
