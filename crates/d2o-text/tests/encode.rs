//! Tokenizers from a small byte-level vocabulary, and the encoder.

use std::path::Path;

use d2o_gguf::Vocabulary;
use d2o_text::{ChatTemplate, Encoder, Limits, Message, Prompt, TextError, TextTokenizer};
use proptest::prelude::*;

const CHAT: &str = "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}\
                    {% if add_generation_prompt %}<|turn|>assistant\n{% endif %}";
const PLENTY: Limits = Limits { max_prompt_tokens: 1000, max_response_tokens: 1000 };

/// The letters by which byte-level BPE writes the 256 bytes: printable Latin-1 as itself, the others from
/// U+0100 on, in order.
fn byte_letters() -> Vec<String> {
    let printable = |byte: u32| (0x21..=0x7e).contains(&byte) || (0xa1..=0xac).contains(&byte) || byte >= 0xae;
    let mut others = 0x100..;
    let mut letter = |byte: u32| if printable(byte) { byte } else { others.next().unwrap() };
    (0..256).map(|byte| char::from_u32(letter(byte)).unwrap().to_string()).collect()
}

/// 256 bytes (ids 0 to 255), five merges (256 to 260), two control tokens (261, 262), one user-defined (263).
fn vocabulary(pre: &str) -> Vocabulary {
    let merges = ["a b", "ab c", "Ġ a", "1 2", "b c"];
    let mut tokens = byte_letters();
    tokens.extend(merges.iter().map(|merge| merge.replace(' ', "")));
    tokens.extend(["<|turn|>", "<|end|>", "<sep>"].map(String::from));
    let mut token_types = vec![1; tokens.len()];
    token_types[261..].copy_from_slice(&[3, 3, 4]);
    Vocabulary {
        model: "gpt2".to_owned(),
        pre: pre.to_owned(),
        tokens,
        token_types,
        merges: merges.map(String::from).to_vec(),
        eos: Some(262),
        bos: Some(261),
        ..Vocabulary::default()
    }
}

fn tokenizer(pre: &str) -> TextTokenizer {
    TextTokenizer::from_gguf(Path::new("tiny.gguf"), &vocabulary(pre)).unwrap()
}

fn chat() -> Encoder {
    let template = ChatTemplate::new(CHAT, "<|turn|>", "<|end|>").unwrap();
    Encoder::new(tokenizer("gpt-2"), Some(template), 262)
}

fn plain() -> Encoder {
    Encoder::new(tokenizer("gpt-2"), None, 262)
}

fn text(prompt: &str) -> Prompt {
    Prompt::Text(prompt.to_owned())
}

fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

#[test]
fn merges_apply_best_first() {
    let tokenizer = tokenizer("gpt-2");
    assert_eq!(tokenizer.encode("abc"), [257]);
    assert_eq!(tokenizer.encode("bc"), [260]);
    // `a b` comes before `Ġ a`, and nothing merges Ġ with ab.
    assert_eq!(tokenizer.encode(" abc"), [u32::from(b' '), 257]);
    assert_eq!(tokenizer.encode(" ad"), [258, u32::from(b'd')]);
    assert_eq!(tokenizer.encode("é"), [0xc3, 0xa9]);
    assert_eq!(tokenizer.vocab_size(), 264);
}

#[test]
fn pre_tokenizers_split_digits_differently() {
    // One run of digits, single digits, up to three digits, single digits.
    assert_eq!(tokenizer("gpt-2").encode("1212"), [259, 259]);
    assert_eq!(tokenizer("smollm").encode("1212"), bytes("1212"));
    assert_eq!(tokenizer("llama-bpe").encode("1212"), [259, u32::from(b'1'), u32::from(b'2')]);
    assert_eq!(tokenizer("qwen2").encode("1212"), bytes("1212"));
    // Qwen composes: `e` and a combining acute become é.
    assert_eq!(tokenizer("qwen2").encode("e\u{301}"), [0xc3, 0xa9]);
    assert_eq!(tokenizer("gpt-2").encode("e\u{301}"), bytes("e\u{301}"));
}

#[test]
fn special_tokens_in_a_text_become_their_ids_unless_it_is_not_trusted() {
    let tokenizer = tokenizer("gpt-2");
    assert_eq!(tokenizer.encode("a<|end|>b<sep>"), [u32::from(b'a'), 262, u32::from(b'b'), 263]);
    assert!(!tokenizer.encode_untrusted("a<|end|>b").contains(&262));
    assert_eq!(tokenizer.decode(&tokenizer.encode_untrusted("a<|end|>b"), true), "a<|end|>b");
    // Control tokens are special, user-defined ones are text.
    assert_eq!(tokenizer.decode(&[97, 262, 263], true), "a<sep>");
    assert_eq!(tokenizer.decode(&[97, 262, 263], false), "a<|end|><sep>");
}

#[test]
fn names_and_ids_of_tokens_are_known() {
    let tokenizer = tokenizer("gpt-2");
    assert_eq!((tokenizer.token_id("<|end|>"), tokenizer.token_id("no such")), (Some(262), None));
    assert_eq!((tokenizer.token(257).as_deref(), tokenizer.token(999)), (Some("abc"), None));
    assert_eq!((tokenizer.eos(), tokenizer.bos()), (Some(262), Some(261)));
}

#[test]
fn vocabularies_that_cannot_be_built_say_why_and_where() {
    let refused = |change: fn(&mut Vocabulary)| {
        let mut vocabulary = vocabulary("gpt-2");
        change(&mut vocabulary);
        let error = TextTokenizer::from_gguf(Path::new("tiny.gguf"), &vocabulary).map(|_| ()).unwrap_err();
        assert!(matches!(error, TextError::Tokenizer { .. }));
        error.to_string()
    };
    assert!(refused(|v| v.pre = "odd".to_owned()).starts_with("tiny.gguf: pre-tokenizer `odd`"));
    assert!(refused(|v| v.model = "llama".to_owned()).starts_with("tiny.gguf: tokenizer model `llama`"));
    assert!(refused(|v| v.merges.push("nospace".to_owned())).contains("`nospace`"));
    assert!(refused(|v| v.merges.push("a nowhere".to_owned())).starts_with("tiny.gguf"));
    assert!(refused(|v| v.eos = Some(5000)).contains("5000"));
}

#[test]
fn a_tokenizer_survives_being_written() {
    let first = tokenizer("smollm");
    let second = TextTokenizer::from_bytes(first.to_json().unwrap().as_bytes()).unwrap();
    let said = "abc 1212 é <|end|> \n";
    assert_eq!(first.encode(said), second.encode(said));
    assert_eq!(first.fingerprint(), tokenizer("smollm").fingerprint());
    assert_ne!(first.fingerprint(), tokenizer("gpt-2").fingerprint());
    assert_ne!(first.fingerprint(), second.fingerprint(), "end and begin tokens count");
}

#[test]
fn a_saved_encoder_reads_back_from_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    chat().save(dir.path()).unwrap();
    let tokenizer = TextTokenizer::from_dir(dir.path()).unwrap();
    let template = ChatTemplate::from_dir(dir.path()).unwrap();
    assert_eq!((tokenizer.eos(), tokenizer.bos()), (Some(262), Some(261)));
    let again = Encoder::new(tokenizer, template, 262);
    let prompt = text("abc 12\n");
    assert_eq!(again.prompt_ids(&prompt).unwrap(), chat().prompt_ids(&prompt).unwrap());

    // Read from a directory, the files are copied byte by byte.
    let copy = tempfile::tempdir().unwrap();
    again.save(copy.path()).unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"] {
        let read = |dir: &Path| std::fs::read(dir.join(name)).unwrap();
        assert_eq!(read(dir.path()), read(copy.path()), "{name}");
    }
}

#[test]
fn a_tokenizer_that_was_saved_with_a_length_still_encodes_everything() {
    let mut json: serde_json::Value = serde_json::from_str(&tokenizer("gpt-2").to_json().unwrap()).unwrap();
    json["truncation"] =
        serde_json::json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    let tokenizer = TextTokenizer::from_bytes(json.to_string().as_bytes()).unwrap();
    assert_eq!(tokenizer.encode("xxxxx").len(), 5);
    assert!(TextTokenizer::from_bytes(b"{}").is_err());
}

#[test]
fn a_chat_prompt_ends_where_the_answer_begins() {
    let ids = chat().prompt_ids(&text("xy")).unwrap();
    let expected = [vec![261], bytes("user\nxy"), vec![262], bytes("\n"), vec![261], bytes("assistant\n")].concat();
    assert_eq!(ids, expected);
}

#[test]
fn prompt_and_response_are_encoded_apart() {
    // Together, `a` and `bc` would be the one token 257.
    let (sequence, cut) = plain().sequence(&text("a"), "bc", &PLENTY).unwrap();
    assert_eq!((sequence.prompt(), sequence.response(), cut), (&[97][..], &[260, 262][..], false));
    assert_eq!(sequence.prompt_len, 1);
}

#[test]
fn a_cut_response_has_no_end_token() {
    let limits = |max_response_tokens| Limits { max_prompt_tokens: 1000, max_response_tokens };
    let response = |limit| {
        let (sequence, cut) = plain().sequence(&text("p"), "xyz", &limits(limit)).unwrap();
        (sequence.response().to_vec(), cut)
    };
    let whole = [bytes("xyz"), vec![262]].concat();
    assert_eq!(response(4), (whole, false));
    assert_eq!(response(3), (bytes("xyz"), true));
    assert_eq!(response(2), (bytes("xy"), true));
}

#[test]
fn a_prompt_without_tokens_is_an_error_and_a_long_one_is_not_cut() {
    assert!(matches!(plain().prompt_ids(&text("")), Err(TextError::EmptyPrompt)));
    let tight = Limits { max_prompt_tokens: 2, max_response_tokens: 9 };
    let (sequence, cut) = plain().sequence(&text("xxxxx"), "y", &tight).unwrap();
    assert_eq!((sequence.prompt_len, cut), (5, false));
}

#[test]
fn a_template_that_refuses_is_an_error() {
    let template = ChatTemplate::new("{{ raise_exception('no') }}", "", "").unwrap();
    let encoder = Encoder::new(tokenizer("gpt-2"), Some(template), 262);
    assert!(matches!(encoder.prompt_ids(&text("x")), Err(TextError::Template { .. })));
    assert_eq!(encoder.without_template().prompt_ids(&text("x")).unwrap(), bytes("x"));
}

#[test]
fn several_turns_without_a_template_keep_their_order() {
    let turns = vec![Message::new("user", "one"), Message::new("assistant", "two"), Message::new("user", "three")];
    let encoder = plain();
    let said = encoder.tokenizer().decode(&encoder.prompt_ids(&Prompt::Messages(turns)).unwrap(), false);
    let found: Vec<_> = ["one", "two", "three"].map(|word| said.find(word).unwrap()).into();
    assert!(found.is_sorted(), "{said}");
}

proptest! {
    #[test]
    fn every_text_survives_encoding(text in "\\PC{0,30}|[ \n\t\ra-c12é日😀']{0,30}") {
        for pre in ["gpt-2", "smollm", "llama-bpe"] {
            let tokenizer = tokenizer(pre);
            let ids = tokenizer.encode(&text);
            prop_assert_eq!(tokenizer.decode(&ids, false), text.as_str());
            prop_assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
        }
    }

    #[test]
    fn a_sequence_is_its_prompt_and_its_response(prompt in "[a-c ]{1,8}", response in "[a-c ]{0,8}", limit in 1..12usize) {
        let encoder = chat();
        let limits = Limits { max_prompt_tokens: 1000, max_response_tokens: limit };
        let (sequence, cut) = encoder.sequence(&text(&prompt), &response, &limits).unwrap();
        let whole = encoder.response_ids(&response);
        prop_assert_eq!(sequence.prompt(), encoder.prompt_ids(&text(&prompt)).unwrap());
        prop_assert_eq!(sequence.response(), &whole[..limit.min(whole.len())]);
        prop_assert_eq!(cut, whole.len() > limit);
        prop_assert_eq!(cut, sequence.response().last() != Some(&262));
    }
}

#[test]
fn an_empty_request_ends_where_the_users_text_would_begin() {
    let tokenizer = tokenizer("gpt-2");
    let template = ChatTemplate::new(CHAT, "<|turn|>", "<|end|>").unwrap();
    let (before, stop) = template.empty_request(&tokenizer).unwrap();
    let whole = template.render(&[Message::new("user", "hi")], true).unwrap();
    let spelled = tokenizer.decode(&before, false) + "hi" + &tokenizer.decode(&[stop], false);
    assert!(whole.starts_with(&spelled), "{whole} {spelled}");
    // Nothing special behind the text: a model could not say where its request ends.
    let open = ChatTemplate::new("Q: {{ messages[0].content }} A:", "", "").unwrap();
    assert_eq!(open.empty_request(&tokenizer), None);
}
