//! Damaged files: neither the configuration nor the tensors panic.

use std::error::Error;

use burn::tensor::Device;
use d2o_model::gguf::{GgufError, config_json, hf_tensors};
use d2o_model::{ModelError, load};
use d2o_testing::gguf::{Writer, ggml};
use proptest::prelude::*;

use crate::llama::tiny;
use crate::open::open;

/// The tiny Llama with a vocabulary and two quantised tensors more, the last ending with the file.
fn sound() -> Writer {
    let mut file = tiny();
    file.text("tokenizer.ggml.model", "gpt2")
        .texts("tokenizer.ggml.tokens", &["a", "b", "c", "d", "e"])
        .i32s("tokenizer.ggml.token_type", &[1, 1, 1, 1, 3]);
    file.tensor("extra", &[2, 32], ggml::Q4_1, &[0x11; 40]);
    file.tensor("more", &[256], ggml::Q4_K, &[0x22; 144]);
    file
}

/// Uses everything that can still be read; the number of values of all tensors.
fn used(bytes: &[u8]) -> Option<usize> {
    let file = open(bytes).ok()?;
    // Whether they succeed depends on the damage; here they only must come back.
    let _ = config_json(&file);
    let _ = file.vocabulary();
    if let Ok(tensors) = hf_tensors(&file) {
        tensors.for_each(drop);
    }
    let values = |name| {
        let values = file.tensor_f32(name).expect("a tensor that is listed");
        assert_eq!(file.shape(name).unwrap().iter().product::<usize>(), values.len());
        values.len()
    };
    Some(file.tensor_names().map(values).sum())
}

#[test]
fn loading_passes_on_what_is_wrong_with_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let error_of = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        load(&path, &Device::flex()).expect_err("the file is damaged")
    };
    let truncated = error_of(b"GGUF");
    assert!(matches!(&truncated, ModelError::Gguf(GgufError::Format { offset: 4, .. })));
    let expected = "at byte 4: expected version of 4 bytes, but the file ends after 0";
    assert_eq!(truncated.to_string(), format!("{}: {expected}", path.display()));
    assert_eq!(truncated.hint().unwrap(), "the file is truncated or damaged; fetch or copy it again");
    // The message stands once in a chain of causes.
    assert!(truncated.source().is_none());

    let absent = error_of(&Writer::new().bytes());
    let expected = "metadata `general.architecture`: expected text, and the file does not have it";
    assert_eq!(absent.to_string(), format!("{}: {expected}", path.display()));
    assert_eq!(absent.hint().unwrap(), "convert the model to GGUF again with a current converter");
}

#[test]
fn numbers_that_are_none_and_empty_tensors_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let error_of = |change: &dyn Fn(&mut Writer)| {
        let mut file = tiny();
        change(&mut file);
        std::fs::write(&path, file.bytes()).unwrap();
        load(&path, &Device::flex()).expect_err("the weights are unusable").to_string()
    };
    let text = error_of(&|file| {
        file.without("output_norm.weight").floats(
            "output_norm.weight",
            &[8],
            &[1.0, f32::NAN, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        );
    });
    let expected = "tensor `model.norm.weight` holds numbers that are not finite: NaN at [1] and 0 more";
    assert_eq!(text, format!("{}: {expected}", path.display()));
    let text = error_of(&|file| {
        file.without("output_norm.weight").floats("output_norm.weight", &[0], &[]);
    });
    assert!(text.ends_with("tensor `model.norm.weight` is empty (shape [0])"), "{text}");
    let mut deeper = tiny();
    deeper.floats("blk.4.ffn_norm.weight", &[8], &[1.0; 8]);
    std::fs::write(&path, deeper.bytes()).unwrap();
    let error = load(&path, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("`model.layers.4.post_attention_layernorm.weight` does not belong"), "{error}");
    // There is no config.json to compare with.
    assert!(error.hint().unwrap().starts_with("the metadata of the file and its tensors contradict"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn changed_bytes_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (mut bytes, data) = sound().parts();
        for (at, value) in changes {
            // Data bytes mean nothing to the reader, so damage what comes before them.
            bytes[at.index(data)] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        // Of the types that are read, Q2_K has the most values in its bytes: 256 in 84.
        if let Some(values) = used(&bytes) {
            prop_assert!(values * 84 <= bytes.len() * 256, "{values} values in {} bytes", bytes.len());
        }
    }

    #[test]
    fn lying_lengths_never_panic(at in any::<prop::sample::Index>(), length in any::<u64>(), shift in 0u32..64) {
        let (mut bytes, data) = sound().parts();
        let at = at.index(data - 8);
        bytes[at..at + 8].copy_from_slice(&(length >> shift).to_le_bytes());
        if let Some(values) = used(&bytes) {
            prop_assert!(values * 84 <= bytes.len() * 256, "{values} values in {} bytes", bytes.len());
        }
    }
}
