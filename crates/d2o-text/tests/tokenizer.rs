//! What decides ids beyond merges: pre-tokenizers, whole words, the ends of a sequence, the template's end; and what is
//! said where there is no tokenizer that is read.

use std::path::Path;

use d2o_gguf::Vocabulary;
use d2o_text::{ChatTemplate, Encoder, Message, TextTokenizer};

/// Printable ASCII and a space (`Ġ`), a merge, a word that no merge makes, and two control tokens at the end.
fn vocabulary(pre: &str) -> Vocabulary {
    let letters = ('!'..='~').chain(['Ġ']).map(String::from);
    let tokens: Vec<String> = letters.chain(["ab", "xyz", "<|end|>", "<|turn|>"].map(String::from)).collect();
    let mut token_types = vec![1; tokens.len()];
    token_types[tokens.len() - 2..].fill(3);
    let end = tokens.len() as u32 - 2;
    Vocabulary {
        model: "gpt2".into(),
        pre: pre.into(),
        tokens,
        token_types,
        merges: vec!["a b".into()],
        bos: Some(end + 1),
        eos: Some(end),
        ..Vocabulary::default()
    }
}

fn build(vocabulary: &Vocabulary) -> TextTokenizer {
    TextTokenizer::from_gguf(Path::new("tiny.gguf"), vocabulary).expect("the vocabulary is sound")
}

fn tokenizer(pre: &str) -> TextTokenizer {
    build(&vocabulary(pre))
}

/// The tokens of a text, written out.
fn pieces(tokenizer: &TextTokenizer, text: &str) -> Vec<String> {
    tokenizer.encode(text).into_iter().map(|id| tokenizer.token(id).expect("an id of the vocabulary")).collect()
}

#[test]
fn smollm_cuts_digits_off_before_words() {
    // GPT-2 leaves the last of several spaces to the word behind them; a digit cut off first takes none.
    assert_eq!(pieces(&tokenizer("smollm"), "ab 1"), ["ab", "Ġ", "1"]);
    assert_eq!(pieces(&tokenizer("smollm"), "12ab"), ["1", "2", "ab"]);
}

#[test]
fn only_llama_takes_whole_words_without_merges() {
    assert_eq!(pieces(&tokenizer("llama-bpe"), "xyz"), ["xyz"]);
    assert_eq!(pieces(&tokenizer("smollm"), "xyz"), ["x", "y", "z"]);
}

#[test]
fn two_tokens_with_one_text_are_refused() {
    let mut twice = vocabulary("smollm");
    twice.tokens[5] = twice.tokens[4].clone();
    let error = TextTokenizer::from_gguf(Path::new("tiny.gguf"), &twice).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "tiny.gguf: tokens 4 and 5 are both `%`");
}

#[test]
fn as_many_token_types_as_tokens_are_asked_for() {
    let mut short = vocabulary("smollm");
    short.token_types.pop();
    let error = TextTokenizer::from_gguf(Path::new("tiny.gguf"), &short).map(|_| ()).unwrap_err();
    assert!(error.to_string().ends_with("the vocabulary has 99 tokens, but 98 token types"), "{error}");
}

#[test]
fn what_the_library_panics_at_is_an_error() {
    let json = r#"{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
        "decoder": {"type": "ByteLevel", 1}}"#;
    let error = TextTokenizer::from_bytes(json.as_bytes()).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("tokenizer.json: ") && error.hint().is_some(), "{error}");
}

#[test]
fn a_tokenizer_that_cannot_encode_is_refused_at_the_start() {
    // The unknown token is named and missing, so any letter beyond the vocabulary would fail.
    let json = r#"{"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
        "post_processor": null, "decoder": null, "truncation": null, "padding": null,
        "model": {"type": "BPE", "unk_token": "<unk>", "vocab": {"a": 0}, "merges": []}}"#;
    assert!(TextTokenizer::from_bytes(json.as_bytes()).is_err());
    assert!(TextTokenizer::from_bytes(json.replace("\"<unk>\"", "null").as_bytes()).is_ok());
}

#[test]
fn fingerprints_follow_merges_and_ends() {
    let base = vocabulary("smollm");
    let print = |vocabulary: Vocabulary| build(&vocabulary).fingerprint();
    assert_eq!(print(base.clone()), print(base.clone()));
    assert_ne!(print(base.clone()), print(Vocabulary { eos: base.bos, ..base.clone() }));
    assert_ne!(print(base.clone()), print(Vocabulary { merges: Vec::new(), ..base }));
}

#[test]
fn an_end_token_outside_the_vocabulary_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    Encoder::new(tokenizer("smollm"), None, 0).save(dir.path()).unwrap();
    let config = dir.path().join("tokenizer_config.json");
    std::fs::write(config, r#"{"eos_token": {"content": "<nowhere>"}}"#).unwrap();
    let error = TextTokenizer::from_dir(dir.path()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("`eos_token` is `<nowhere>`"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn other_tools_are_told_whether_to_begin_with_bos() {
    let told = |add_bos| {
        let tokenizer = build(&Vocabulary { add_bos, ..vocabulary("smollm") });
        assert_eq!(pieces(&tokenizer, "ab"), ["ab"], "encoding here adds nothing either way");
        tokenizer.to_json().unwrap().contains("TemplateProcessing")
    };
    assert!(told(true) && !told(false));
}

#[test]
fn the_template_tells_which_token_ends_a_turn() {
    let tokenizer = tokenizer("smollm");
    let ends = |source: &str| ChatTemplate::new(source, "", "").unwrap().end_of_turn(&tokenizer);
    let ending = |end: &str| format!("{{% for m in messages %}}{{{{ m.content }}}}{end}{{% endfor %}}");
    assert_eq!(ends(&ending("<|end|>")), tokenizer.eos());
    assert_eq!(ends(&ending("<|turn|> ")), tokenizer.bos());
    // An ordinary letter ends nothing.
    assert_eq!(ends(&ending("!")), None);
    assert_eq!(ends("{{ raise_exception('never') }}"), None);
}

#[test]
fn pre_tokenizers_have_llama_cpps_other_names() {
    let same = [
        ("smollm", &["starcoder", "refact", "codeshell", "exaone", "minerva-7b"][..]),
        ("gpt-2", &["phi-2", "gigachat", "a.x-4.0", "mellum", "exaone4"]),
        ("llama-bpe", &["llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"]),
        ("smaug-bpe", &["dbrx"]),
        ("qwen2", &["deepseek-r1-qwen", "kormo", "megrez"]),
    ];
    for (name, aliases) in same {
        for alias in aliases {
            assert_eq!(tokenizer(alias).to_json().unwrap(), tokenizer(name).to_json().unwrap(), "{alias}");
        }
    }
    // Smaug splits as Llama 3 does and takes pieces apart that are tokens as they stand.
    let differs =
        |name: &str| tokenizer(name).to_json().unwrap().replace("\"ignore_merges\": true", "\"ignore_merges\": false");
    assert_eq!(differs("llama-bpe"), tokenizer("smaug-bpe").to_json().unwrap());
    assert_ne!(tokenizer("llama-bpe").to_json().unwrap(), tokenizer("smaug-bpe").to_json().unwrap());
}

#[test]
fn a_tokenizer_of_another_form_is_named_with_what_converts_it() {
    let dir = tempfile::tempdir().unwrap();
    let refused = || TextTokenizer::from_dir(dir.path()).map(|_| ()).unwrap_err();
    let error = refused();
    assert!(error.to_string().ends_with(": expected tokenizer.json"), "{error}");
    for name in ["vocab.json", "tokenizer.model"] {
        std::fs::write(dir.path().join(name), "").unwrap();
        let error = refused();
        let expected = format!(": expected tokenizer.json; {name} is there, which is not read");
        assert!(error.to_string().ends_with(&expected), "{error}");
        let hint = error.hint().unwrap();
        let place = dir.path().display();
        assert!(
            hint.contains(&format!("AutoTokenizer.from_pretrained('{place}').save_pretrained('{place}')")),
            "{hint}"
        );
    }
}

#[test]
fn templates_of_gguf_files_see_the_tokens_that_the_file_names() {
    let source = "{{ bos_token }}{{ eos_token }}{{ pad_token }}\r\n{{ unk_token is defined }}";
    let template = |vocabulary: &Vocabulary| {
        let template = ChatTemplate::from_gguf(vocabulary).unwrap().expect("there is a template");
        template.render(&[Message::new("user", "x")], true).unwrap()
    };
    let mut named = Vocabulary { chat_template: Some(source.to_owned()), ..vocabulary("smollm") };
    assert_eq!(template(&named), "<|turn|><|end|>\nFalse");
    (named.pad, named.unk) = (Some(0), Some(1));
    assert_eq!(template(&named), "<|turn|><|end|>!\nTrue");
}
