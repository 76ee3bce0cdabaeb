//! Header, metadata and tensor directory.

use d2o_gguf::{GgmlType, GgufError, List, Value};
use d2o_testing::gguf::{Writer, ggml, kind};

use crate::open::{Open, refusal};

/// Two tensors and a little metadata.
fn small() -> Writer {
    let mut file = Writer::new();
    file.text("general.architecture", "llama").u32("count", 7);
    file.floats("a", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    file.tensor("b", &[1, 32], ggml::Q8_0, &[&[0x00, 0x3c][..], &[5; 32]].concat());
    file
}

#[test]
fn every_version_gives_the_same() {
    for version in 1..=3 {
        let mut file = small();
        file.version = version;
        // The pairs were written in version 3; their texts need lengths of this version.
        file.text("general.architecture", "llama");
        let file = file.open().expect("a sound file");
        assert_eq!(file.architecture(), Some("llama"));
        assert_eq!(file.metadata("count"), Some(&Value::Unsigned(7)));
        assert_eq!(file.tensor_names().collect::<Vec<_>>(), ["a", "b"]);
        // The file has 3 before 2: the fastest dimension first.
        assert_eq!(file.shape("a"), Some(&[2, 3][..]));
        assert_eq!(file.tensor_f32("a").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // Scale 1 (0x3c00), every quant 5.
        assert_eq!(file.shape("b"), Some(&[1, 32][..]));
        assert_eq!(file.tensor_f32("b").unwrap(), [5.0; 32]);
        let types = ["a", "b"].map(|name| file.tensor_type(name).map(GgmlType::name));
        assert_eq!(types, [Some("F32"), Some("Q8_0")]);
        assert_eq!(file.version(), version);
    }
}

#[test]
fn every_type_of_value() {
    let signed = |value: i64| (Value::Signed(value), List::Signed(vec![value]));
    let unsigned = |value: u64| (Value::Unsigned(value), List::Unsigned(vec![value]));
    let float = |value: f64| (Value::Float(value), List::Float(vec![value]));
    let text = || (Value::Text("hä".to_owned()), List::Text(vec!["hä".to_owned()]));
    let cases: [(u32, Vec<u8>, (Value, List)); 12] = [
        (0, vec![200], unsigned(200)),
        (1, vec![200], signed(200 - 256)),
        (2, vec![1, 255], unsigned(255 * 256 + 1)),
        (3, vec![254, 255], signed(-2)),
        (4, u32::MAX.to_le_bytes().to_vec(), unsigned(u64::from(u32::MAX))),
        (5, (-3i32).to_le_bytes().to_vec(), signed(-3)),
        (6, 0.1f32.to_le_bytes().to_vec(), float(f64::from(0.1f32))),
        (7, vec![1], (Value::Bool(true), List::Bool(vec![true]))),
        (8, [&3u64.to_le_bytes()[..], "hä".as_bytes()].concat(), text()),
        (10, u64::MAX.to_le_bytes().to_vec(), unsigned(u64::MAX)),
        (11, i64::MIN.to_le_bytes().to_vec(), signed(i64::MIN)),
        (12, 0.1f64.to_le_bytes().to_vec(), float(0.1)),
    ];
    for (kind, bytes, (value, list)) in cases {
        let mut file = Writer::new();
        file.raw("alone", kind, &bytes).list("list", kind, 1, &bytes);
        let file = file.open().expect("a sound file");
        assert_eq!(file.metadata("alone"), Some(&value), "type {kind}");
        assert_eq!(file.metadata("list"), Some(&Value::List(list)), "list of type {kind}");
    }
}

#[test]
fn lists_nest_but_not_without_end() {
    // A list of `depth` lists inside each other, the innermost empty.
    let nested = |depth: usize| {
        let mut file = Writer::new();
        let one_list = [&kind::LIST.to_le_bytes()[..], &1u64.to_le_bytes()].concat();
        let empty = [&kind::BOOL.to_le_bytes()[..], &0u64.to_le_bytes()].concat();
        file.raw("nested", kind::LIST, &[one_list.repeat(depth - 1), empty].concat());
        file
    };
    let two = List::List(vec![List::Bool(Vec::new())]);
    assert_eq!(nested(2).open().unwrap().metadata("nested"), Some(&Value::List(two)));
    assert!(nested(4).open().is_ok());
    let refusal = nested(5).refusal();
    assert!(refusal.ends_with("expected value of `nested` of lists nested at most 4 deep"), "{refusal}");
    assert!(nested(100_000).open().is_err());
}

#[test]
fn data_begin_at_the_alignment_that_the_file_names() {
    for alignment in [8, 64, 4096] {
        let mut file = small();
        file.alignment = alignment;
        file.u32("general.alignment", alignment as u32);
        let file = file.open().expect("a sound file");
        assert_eq!(file.tensor_f32("b").unwrap(), [5.0; 32]);
    }
    let mut file = small();
    file.u32("general.alignment", 24);
    assert_eq!(file.refusal(), "metadata `general.alignment`: expected a power of two, found Unsigned(24)");
}

#[test]
fn names_are_used_once() {
    let mut file = small();
    file.floats("a", &[1], &[0.0]);
    assert!(file.refusal().ends_with("expected tensor `a` only once"));
    let mut file = small();
    file.repeat("count");
    assert!(file.refusal().ends_with("expected metadata `count` only once"));
}

#[test]
fn tensors_lie_inside_the_file_apart_from_each_other() {
    // "b" takes 34 bytes from 32; 64 further on it ends outside.
    let mut file = small();
    file.shifted(64);
    let refusal = file.refusal();
    assert!(refusal.contains("expected `b` to end inside the file, which has"), "{refusal}");
    // 32 earlier it lies on "a".
    let mut file = small();
    file.shifted(-32);
    let refusal = file.refusal();
    assert!(refusal.contains("apart from") && refusal.ends_with("but they share bytes"), "{refusal}");
    let mut file = small();
    file.shifted(-1);
    let refusal = file.refusal();
    assert!(refusal.ends_with("expected `b` at a multiple of 32 bytes, found offset 31"), "{refusal}");
}

#[test]
fn shapes_are_whole_blocks() {
    let mut file = small();
    file.tensor("c", &[2, 48], ggml::Q4_1, &[0; 60]);
    let refusal = file.refusal();
    assert!(refusal.ends_with("expected rows of `c` in whole blocks of 32 values, found shape [2, 48]"), "{refusal}");
    let mut file = small();
    file.tensor("c", &[1, 1, 1, 1, 1], ggml::F32, &[0; 4]);
    let refusal = file.refusal();
    assert!(refusal.ends_with("expected 1 to 4 dimensions of `c`, found 5"), "{refusal}");
    let mut file = small();
    file.tensor("c", &[u64::MAX / 2, u64::MAX / 2], ggml::F32, &[0; 4]);
    assert!(file.open().is_err());
}

#[test]
fn other_quantisations_are_refused_by_name() {
    for (kind, name) in [(ggml::IQ4_NL, "IQ4_NL"), (77, "GGML type 77")] {
        let mut file = small();
        file.tensor("c", &[32], kind, &[0; 18]);
        let error = file.open().expect_err("the type is not read");
        assert!(matches!(&error, GgufError::TensorType { ggml_type, .. } if ggml_type == name));
        assert!(error.to_string().contains(&format!("tensor `c` is stored as {name}; F32, F16, BF16, Q4_0")));
        assert!(error.hint().is_some());
    }
}

#[test]
fn what_is_not_gguf_is_refused() {
    let sound = small().bytes();
    let with = |at: usize, bytes: &[u8]| {
        let mut file = sound.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        refusal(&file)
    };
    assert_eq!(with(0, b"GGJT"), "at byte 0: expected the magic `GGUF`");
    assert_eq!(with(4, &4u32.to_le_bytes()), "is a GGUF file of version 4; versions 1, 2 and 3 are read");
    assert_eq!(with(4, &3u32.to_be_bytes()), "is a big-endian GGUF file; little-endian ones are read");
    assert_eq!(refusal(b""), "at byte 0: expected the magic `GGUF` of 4 bytes, but the file ends after 0");
}

#[test]
fn counts_that_the_file_has_no_room_for_are_refused() {
    let sound = small().bytes();
    for (at, what) in [(8, "tensor count"), (16, "metadata count"), (24, "length of metadata key")] {
        for count in [sound.len() as u64, 1 << 40, u64::MAX] {
            let mut file = sound.clone();
            file[at..at + 8].copy_from_slice(&count.to_le_bytes());
            let refusal = refusal(&file);
            let beginning = format!("at byte {at}: expected {what} of at most ");
            assert!(refusal.starts_with(&beginning), "{refusal}");
            assert!(refusal.ends_with(&format!(", which the file has room for, found {count}")), "{refusal}");
        }
    }
    let mut file = Writer::new();
    file.list("long", kind::F32, 1 << 50, &[0; 64]);
    assert!(file.refusal().contains("expected length of value of `long` of at most "));
}

#[test]
fn a_missing_tensor_is_named() {
    let error = small().open().unwrap().tensor_f32("c").expect_err("there is no such tensor");
    assert!(matches!(error, GgufError::MissingTensor { name, .. } if name == "c"));
}
