//! The vocabulary.

use d2o_gguf::Vocabulary;
use d2o_testing::gguf::Writer;

use crate::open::{Open, without_path};

fn complete() -> Writer {
    let mut file = Writer::new();
    file.text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "smollm")
        .texts("tokenizer.ggml.tokens", &["<end>", "a", "b", "ab"])
        .i32s("tokenizer.ggml.token_type", &[3, 1, 1, 1])
        .texts("tokenizer.ggml.merges", &["a b"])
        .u32("tokenizer.ggml.bos_token_id", 1)
        .u32("tokenizer.ggml.eos_token_id", 0)
        .u32("tokenizer.ggml.eot_token_id", 1)
        .u32("tokenizer.ggml.eom_token_id", 2)
        .u32("tokenizer.ggml.unknown_token_id", 2)
        .u32("tokenizer.ggml.padding_token_id", 3)
        .bool("tokenizer.ggml.add_bos_token", true)
        .text("tokenizer.chat_template", "{{ messages }}");
    file
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

fn refusal(change: impl FnOnce(&mut Writer)) -> String {
    let mut file = complete();
    change(&mut file);
    let file = file.open().unwrap();
    let error = file.vocabulary().expect_err("the vocabulary should be refused");
    without_path(&error, file.path())
}

#[test]
fn everything_is_read() {
    let expected = Vocabulary {
        model: "gpt2".to_owned(),
        pre: "smollm".to_owned(),
        tokens: texts(&["<end>", "a", "b", "ab"]),
        token_types: vec![3, 1, 1, 1],
        merges: texts(&["a b"]),
        bos: Some(1),
        eos: Some(0),
        eot: Some(1),
        eom: Some(2),
        unk: Some(2),
        pad: Some(3),
        add_bos: true,
        chat_template: Some("{{ messages }}".to_owned()),
    };
    assert_eq!(complete().open().unwrap().vocabulary().unwrap(), expected);
}

#[test]
fn every_token_that_ends_an_answer_counts_once() {
    let vocabulary = complete().open().unwrap().vocabulary().unwrap();
    assert_eq!(vocabulary.end_tokens(), [0, 1, 2]);
    assert_eq!(Vocabulary { eot: Some(0), eom: None, ..vocabulary.clone() }.end_tokens(), [0]);
    assert!(Vocabulary { eos: None, eot: None, eom: None, ..vocabulary }.end_tokens().is_empty());
}

#[test]
fn little_is_enough() {
    for (model, add_bos) in [("gpt2", false), ("llama", true)] {
        let mut file = Writer::new();
        file.text("tokenizer.ggml.model", model).texts("tokenizer.ggml.tokens", &["a"]);
        let expected = Vocabulary {
            model: model.to_owned(),
            pre: "default".to_owned(),
            tokens: texts(&["a"]),
            token_types: Vec::new(),
            merges: Vec::new(),
            bos: None,
            eos: None,
            eot: None,
            eom: None,
            unk: None,
            pad: None,
            add_bos,
            chat_template: None,
        };
        assert_eq!(file.open().unwrap().vocabulary().unwrap(), expected);
    }
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let message = refusal(|file| {
        file.without("tokenizer.ggml.tokens");
    });
    assert!(message.starts_with("metadata `tokenizer.ggml.tokens`: expected a list of texts"), "{message}");
    let message = refusal(|file| {
        file.u32("tokenizer.ggml.eos_token_id", 4);
    });
    assert_eq!(message, "metadata `tokenizer.ggml.eos_token_id`: expected the id of one of 4 tokens");
    let message = refusal(|file| {
        file.i32s("tokenizer.ggml.token_type", &[1, 1, 1]);
    });
    let expected = "a list of 4 small integers, one for each token";
    assert_eq!(message, format!("metadata `tokenizer.ggml.token_type`: expected {expected}"));
    let message = refusal(|file| {
        file.i32s("tokenizer.ggml.merges", &[1]);
    });
    assert_eq!(message, "metadata `tokenizer.ggml.merges`: expected a list of texts");
}
