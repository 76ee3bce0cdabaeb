//! Files that the crate writes, read back.

use std::path::Path;

use d2o_gguf::{GgmlType, GgufError, GgufFile, GgufWriter, Metadata, TensorInfo, Value, Vocabulary, token_type};

fn tensor(name: &str, shape: &[usize], ggml_type: GgmlType) -> TensorInfo {
    TensorInfo { name: name.to_owned(), shape: shape.to_vec(), ggml_type }
}

/// Writes `tensors` and opens the file.
fn written(metadata: &Metadata, tensors: &[(TensorInfo, Vec<f32>)]) -> Result<GgufFile, GgufError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let infos = tensors.iter().map(|(info, _)| info.clone()).collect();
    let mut writer = GgufWriter::new(Vec::new(), &path, metadata, infos)?;
    for (_, values) in tensors {
        writer.write_tensor(values)?;
    }
    std::fs::write(&path, writer.finish()?).unwrap();
    GgufFile::open(&path)
}

#[test]
fn metadata_come_back() {
    let mut metadata = Metadata::default();
    metadata.text("text", "hä");
    metadata.u32("u32", u32::MAX);
    metadata.f32("f32", 0.1);
    metadata.bool("bool", true);
    metadata.texts("texts", &["a", ""]);
    metadata.i32s("i32s", &[-1, 7]);
    let file = written(&metadata, &[]).unwrap();
    assert_eq!(file.version(), 3);
    assert_eq!(file.metadata("text").and_then(Value::as_text), Some("hä"));
    assert_eq!(file.metadata("u32"), Some(&Value::Unsigned(u64::from(u32::MAX))));
    assert_eq!(file.metadata("f32"), Some(&Value::Float(f64::from(0.1f32))));
    assert_eq!(file.metadata("bool"), Some(&Value::Bool(true)));
    assert_eq!(file.metadata("texts").and_then(Value::as_texts).unwrap(), ["a", ""]);
    assert_eq!(file.metadata("i32s").and_then(Value::as_integers).unwrap(), [-1, 7]);
    let keys: Vec<&str> = file.all_metadata().map(|(key, _)| key).collect();
    assert_eq!(keys, ["bool", "f32", "i32s", "text", "texts", "u32"]);
}

#[test]
fn tensors_come_back_in_every_type_that_is_written() {
    // Multiples of 1/64 up to 127/64: all types hold them, Q8_0 with the scale 1/64.
    let values: Vec<f32> = (0..64).map(|index| (index % 32 * 8 - 121) as f32 / 64.0).collect();
    let types = [GgmlType::F32, GgmlType::F16, GgmlType::Bf16, GgmlType::Q8_0];
    let tensors: Vec<_> = types.map(|kind| (tensor(kind.name(), &[2, 32], kind), values.clone())).into();
    let file = written(&Metadata::default(), &tensors).unwrap();
    for kind in types {
        assert_eq!(file.tensor_type(kind.name()), Some(kind));
        assert_eq!(file.shape(kind.name()), Some(&[2, 32][..]), "{}", kind.name());
        assert_eq!(file.tensor_f32(kind.name()).unwrap(), *values, "{}", kind.name());
    }
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is() {
    let refusal = |info: TensorInfo| {
        let mut out = Vec::new();
        let error = GgufWriter::new(&mut out, Path::new("out.gguf"), &Metadata::default(), vec![info]).unwrap_err();
        assert!(out.is_empty() && error.hint().is_some());
        error.to_string()
    };
    assert_eq!(
        refusal(tensor("a", &[256], GgmlType::Q4K)),
        "out.gguf: tensor `a` cannot be written as Q4_K: the type is only read"
    );
    assert_eq!(
        refusal(tensor("a", &[2, 40], GgmlType::Q8_0)),
        "out.gguf: tensor `a` cannot be written as Q8_0: its rows are not whole blocks of 32 values, its shape is [2, 40]"
    );
}

#[test]
fn a_value_beyond_the_type_is_named() {
    let error = written(&Metadata::default(), &[(tensor("a", &[2], GgmlType::F16), vec![1.0, 1e6])]).unwrap_err();
    assert!(matches!(&error, GgufError::Range { name, ggml_type: "F16", value, .. } if name == "a" && *value == 1e6));
    assert!(error.to_string().ends_with("tensor `a` holds 1e6, which is beyond F16"), "{error}");
}

#[test]
fn a_vocabulary_comes_back_padded_to_the_embedding() {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let vocabulary = Vocabulary {
        model: "gpt2".to_owned(),
        pre: "gpt-2".to_owned(),
        tokens: texts(&["<end>", "a", "b", "ab"]),
        token_types: vec![token_type::CONTROL, token_type::NORMAL, token_type::NORMAL, token_type::NORMAL],
        merges: texts(&["a b"]),
        bos: Some(0),
        eos: Some(0),
        eot: Some(1),
        eom: Some(2),
        unk: Some(2),
        pad: Some(3),
        add_bos: true,
        chat_template: Some("{{ messages }}".to_owned()),
    };
    let read = |vocabulary: &Vocabulary| {
        let mut metadata = Metadata::default();
        metadata.vocabulary(vocabulary);
        written(&metadata, &[]).unwrap().vocabulary().unwrap()
    };
    assert_eq!(read(&vocabulary), vocabulary);
    assert_eq!(vocabulary.padded(4).unwrap(), vocabulary);
    assert_eq!(vocabulary.padded(3), None);
    let padded = read(&vocabulary.padded(6).unwrap());
    assert_eq!(padded.tokens[3..], ["ab", "[PAD4]", "[PAD5]"]);
    assert_eq!(padded.token_types[3..], [token_type::NORMAL, token_type::UNUSED, token_type::UNUSED]);
    // Types that are not known are those of ordinary tokens.
    assert_eq!(read(&Vocabulary { token_types: Vec::new(), ..vocabulary }).token_types, [token_type::NORMAL; 4]);
}

#[test]
#[should_panic(expected = "metadata `a` is added twice")]
fn a_key_is_added_once() {
    let mut metadata = Metadata::default();
    metadata.u32("a", 1);
    metadata.text("a", "b");
}
