//! Damaged files: an error that says where, never a panic, never more values than the bytes can hold.

use d2o_gguf::GgufError;
use d2o_testing::gguf::{Writer, ggml};
use proptest::prelude::*;

use crate::open::open;

/// A vocabulary and four tensors, the last ending with the file.
fn sound() -> Writer {
    let mut file = Writer::new();
    file.text("general.architecture", "llama")
        .u32("llama.block_count", 1)
        .f32("llama.rope.freq_base", 500_000.0)
        .text("tokenizer.ggml.model", "gpt2")
        .texts("tokenizer.ggml.tokens", &["a", "b", "c", "d", "e"])
        .i32s("tokenizer.ggml.token_type", &[1, 1, 1, 1, 3]);
    file.floats("token_embd.weight", &[5, 8], &[0.5; 40]).floats("output_norm.weight", &[8], &[1.0; 8]);
    file.tensor("extra", &[2, 32], ggml::Q4_1, &[0x11; 40]);
    file.tensor("more", &[256], ggml::Q4_K, &[0x22; 144]);
    file
}

/// Uses everything that can still be read; the number of values of all tensors.
fn used(bytes: &[u8]) -> Option<usize> {
    let file = open(bytes).ok()?;
    // Whether it succeeds depends on the damage; here it only must come back.
    let _ = file.vocabulary();
    let values = |name| {
        let values = file.tensor_f32(name).expect("a tensor that is listed");
        assert_eq!(file.shape(name).unwrap().iter().product::<usize>(), values.len());
        values.len()
    };
    Some(file.tensor_names().map(values).sum())
}

#[test]
fn every_truncation_is_reported_with_its_place() {
    let (bytes, data) = sound().parts();
    assert!(open(&bytes).is_ok());
    for len in 0..bytes.len() {
        match open(&bytes[..len]) {
            Err(GgufError::Format { offset, expected, .. }) => {
                assert!(offset <= len, "offset {offset} of {len} bytes");
                let missing_data = expected.contains("to end inside the file");
                assert!(missing_data || len < data, "{len}: {expected}");
            }
            Err(error) => panic!("{len} bytes: {error}"),
            Ok(_) => panic!("{len} of {} bytes were accepted", bytes.len()),
        }
    }
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

    #[test]
    fn any_bytes_after_the_header_never_panic(rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let header = [&b"GGUF"[..], &3u32.to_le_bytes(), &1u64.to_le_bytes(), &1u64.to_le_bytes()].concat();
        let bytes = [header, rest].concat();
        if let Some(values) = used(&bytes) {
            prop_assert!(values * 84 <= bytes.len() * 256);
        }
    }
}
