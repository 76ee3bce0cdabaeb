//! Models that end their answers with one of several tokens.

use d2o_text::{Encoder, TextTokenizer};
use serde_json::{Value, json};

/// `<|end|>` is 0, `<|turn|>` 1, `<|call|>` 2 and `<|more|>` 3; the usual end is 0.
fn encoder() -> Encoder {
    let special = ["<|end|>", "<|turn|>", "<|call|>", "<|more|>"];
    let tokenizer = TextTokenizer::train(["tea for two"], 300, &special).unwrap();
    Encoder::new(tokenizer, None, 0)
}

#[test]
fn any_end_token_ends_a_response_and_the_first_one_is_put_behind_it() {
    let encoder = encoder();
    let tea = encoder.tokenizer().encode("tea");
    let several = encoder.clone().with_end_tokens([2, 0, 2]);
    assert_eq!((several.end_token(), several.end_tokens()), (0, &[0, 2][..]));
    assert_eq!(several.response_ids("tea"), [&tea[..], &[0]].concat());
    // A text that ends with another end token has ended.
    assert_eq!(several.response_ids("tea<|call|>"), [&tea[..], &[2]].concat());
    assert_eq!(encoder.response_ids("tea<|call|>"), [&tea[..], &[2, 0]].concat());
}

#[test]
fn several_end_tokens_are_written_as_a_list() {
    let written = |encoder: &Encoder| -> Value {
        let dir = tempfile::tempdir().unwrap();
        encoder.save(dir.path()).unwrap();
        serde_json::from_slice(&std::fs::read(dir.path().join("generation_config.json")).unwrap()).unwrap()
    };
    assert_eq!(written(&encoder())["eos_token_id"], json!(0));
    assert_eq!(written(&encoder().with_end_tokens([3]))["eos_token_id"], json!([0, 3]));
}

#[test]
fn a_gguf_vocabulary_has_places_for_three_end_tokens() {
    let places = |encoder: Encoder| {
        let vocabulary = encoder.to_gguf().unwrap();
        (vocabulary.eos, vocabulary.eot, vocabulary.eom)
    };
    assert_eq!(places(encoder()), (Some(0), None, None));
    assert_eq!(places(encoder().with_end_tokens([2])), (Some(0), Some(2), None));
    assert_eq!(places(encoder().with_end_tokens([2, 1])), (Some(0), Some(2), Some(1)));
    let error = encoder().with_end_tokens([2, 1, 3]).to_gguf().unwrap_err();
    assert!(error.to_string().contains("4 tokens ([0, 2, 1, 3])"), "{error}");
    assert!(error.hint().unwrap().contains("generation_config.json"));
}
