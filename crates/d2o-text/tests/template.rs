//! Chat templates render as Jinja does under Hugging Face's settings; expectations follow Jinja's rules.

use d2o_text::TextError;
use d2o_text::{ChatTemplate, Encoder, Message, Prompt, TextTokenizer};

fn turns(turns: &[(&str, &str)]) -> Vec<Message> {
    turns.iter().map(|(role, content)| Message::new(*role, *content)).collect()
}

fn render(source: &str, messages: &[(&str, &str)]) -> String {
    let template = ChatTemplate::new(source, "<s>", "</s>").expect("the template compiles");
    template.render(&turns(messages), true).expect("the template renders")
}

#[test]
fn a_block_tag_takes_its_indentation_and_its_line_break_with_it() {
    // lstrip_blocks drops the blanks before a tag, trim_blocks the line break behind it; an expression keeps both.
    let source = "  {% for m in messages %}\n  {{ m.role }}\n  {% endfor %}\nend\n";
    assert_eq!(render(source, &[("user", "a"), ("assistant", "b")]), "  user\n  assistant\nend");
}

#[test]
fn dashes_take_all_space_away() {
    assert_eq!(render("a \n {%- if true -%} \n b {{- ' c' -}} \n{% endif %}", &[("user", "x")]), "ab c");
}

#[test]
fn names_of_the_context_are_those_of_hugging_face() {
    let source = "{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}{{ add_generation_prompt }}";
    let template = ChatTemplate::new(source, "<s>", "</s>").unwrap();
    // Booleans and None print as in Python.
    assert_eq!(template.render(&turns(&[("user", "x")]), false).unwrap(), "<s>x</s>False");
    assert_eq!(render("{{ tools is none }} {{ documents is none }}", &[("user", "x")]), "True True");
}

#[test]
fn methods_of_pythons_values_work() {
    let source = "{{ messages[0].content.strip().upper() }}|{{ messages[0].content.split(' ')|length }}|\
                  {{ messages[0].get('name', 'nobody') }}|{{ messages[0].content.startswith(' h') }}|\
                  {% for key, value in messages[0].items() %}{{ key }};{% endfor %}|\
                  {{ 'a-b'.replace('-', '+') }}|{{ 'x,y'.rstrip('y') }}";
    assert_eq!(render(source, &[("user", " hi there ")]), "HI THERE|4|nobody|True|role;content;|a+b|x,");
}

#[test]
fn slices_namespaces_and_loop_controls_work() {
    let source = "{% set ns = namespace(n=0) %}{% for m in messages[1:] %}{% if m.role == 'system' %}{% continue %}{% endif %}\
                  {% set ns.n = ns.n + 1 %}{{ loop.index0 }}{{ m.content }}{% if loop.last %}.{% endif %}\
                  {% if m.content == 'stop' %}{% break %}{% endif %}{% endfor %}#{{ ns.n }}";
    let messages = [("system", "s"), ("user", "a"), ("system", "t"), ("assistant", "stop"), ("user", "never")];
    assert_eq!(render(source, &messages), "0a2stop#2");
}

#[test]
fn raise_exception_is_an_error_with_its_own_words() {
    let source = "{% if messages[0].role != 'user' %}\n{{ raise_exception('roles must alternate') }}\n{% endif %}ok";
    assert_eq!(render(source, &[("user", "x")]), "ok");
    let template = ChatTemplate::new(source, "", "").unwrap();
    let error = template.render(&turns(&[("system", "x")]), true).unwrap_err();
    assert!(matches!(error, TextError::Template { .. }));
    assert!(error.to_string().contains("roles must alternate"), "{error}");
    assert!(error.to_string().contains('2'), "the template's line is missing: {error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_template_that_cannot_be_parsed_names_its_line() {
    let error = ChatTemplate::new("a\nb\n{% if %}", "", "").map(|_| ()).unwrap_err();
    assert!(error.to_string().contains('3'), "{error}");
}

#[test]
fn tojson_writes_as_python_does() {
    // json.dumps: a space behind `,` and `:`, quotes and `<` left alone, no escapes for letters beyond ASCII.
    let plain = render("{{ messages|tojson }}", &[("user", "<é> \"q\" 'p' &\n")]);
    assert_eq!(plain, r#"[{"role": "user", "content": "<é> \"q\" 'p' &\n"}]"#);
    let indented = render("{{ {'a': [1, 2.0, none, true], 'b': {}, 'c': []}|tojson(indent=2) }}", &[("user", "x")]);
    assert_eq!(indented, "{\n  \"a\": [\n    1,\n    2.0,\n    null,\n    true\n  ],\n  \"b\": {},\n  \"c\": []\n}");
    assert_eq!(render("{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}", &[("user", "x")]), r#"{"a": 2, "b": 1}"#);
    assert_eq!(render("{{ {'b': [1, 2]}|tojson(separators=(',', ':')) }}", &[("user", "x")]), r#"{"b":[1,2]}"#);
    // U+1F600 is a surrogate pair in UTF-16.
    assert_eq!(render("{{ 'é😀'|tojson(ensure_ascii=true) }}", &[("user", "x")]), r#""\u00e9\ud83d\ude00""#);
}

#[test]
fn content_is_never_escaped_for_html_nor_read_as_a_template() {
    assert_eq!(
        render("{{ messages[0].content }}", &[("user", "<b> & {{ eos_token }} {% x %}")]),
        "<b> & {{ eos_token }} {% x %}"
    );
}

#[test]
fn marks_for_training_render_as_nothing() {
    let source = "{% for m in messages %}\n{% generation %}\n{{ m.content }}{%- endgeneration %}\n{% endfor %}";
    assert_eq!(render(source, &[("user", "a"), ("assistant", "b")]), "ab");
}

#[test]
fn todays_date_never_changes_a_prompt() {
    let source = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}26 Jul 2024{% endif %}";
    assert_eq!(render(source, &[("user", "x")]), "26 Jul 2024");
}

#[test]
fn directories_hold_a_template_in_three_ways() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    assert!(ChatTemplate::from_dir(dir.path()).unwrap().is_none());

    write("tokenizer_config.json", r#"{"chat_template": "one{{ eos_token }}", "eos_token": {"content": "<e>"}}"#);
    let render =
        || ChatTemplate::from_dir(dir.path()).unwrap().unwrap().render(&turns(&[("user", "x")]), true).unwrap();
    assert_eq!(render(), "one<e>");

    let named = r#"{"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "two{{ bos_token }}"}], "bos_token": "<b>"}"#;
    write("tokenizer_config.json", named);
    assert_eq!(render(), "two<b>");

    write("chat_template.jinja", "three{{ bos_token }}\n");
    assert_eq!(render(), "three<b>");
}

#[test]
fn fingerprints_tell_templates_and_tokens_apart() {
    let print = |source, bos, eos| ChatTemplate::new(source, bos, eos).unwrap().fingerprint();
    assert_eq!(print("a", "b", "c"), print("a", "b", "c"));
    assert_eq!(print("a", "b", "c").len(), 64);
    assert_ne!(print("a", "b", "c"), print("a", "bc", ""));
    assert_ne!(print("a", "b", "c"), print("a ", "b", "c"));
}

#[test]
fn all_named_special_tokens_are_seen_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let source = "{{ pad_token }}|{{ unk_token }}|{{ mask_token is defined }}|{{ image_token }}|{{ audio_token }}|\
                  {{ additional_special_tokens is defined }}|{{ add_bos_token is defined }}|{{ bos_token }}";
    write("chat_template.jinja", source);
    let render =
        || ChatTemplate::from_dir(dir.path()).unwrap().unwrap().render(&turns(&[("user", "x")]), true).unwrap();
    let config = r#""pad_token": {"__type": "AddedToken", "content": "<p>"}, "mask_token": null, "image_token": "<i>",
        "extra_special_tokens": {"audio_token": "<a>"}, "additional_special_tokens": ["<x>"], "add_bos_token": true,
        "bos_token": "<b>""#;
    write("tokenizer_config.json", &format!("{{{config}}}"));
    assert_eq!(render(), "<p>||False|<i>|<a>|False|False|<b>");
    // The older file goes first, unless the newer one lists all its added tokens.
    write("special_tokens_map.json", r#"{"bos_token": {"content": "<s>"}, "unk_token": "<u>"}"#);
    assert_eq!(render(), "<p>|<u>|False|<i>|<a>|False|False|<s>");
    write("tokenizer_config.json", &format!("{{{config}, \"added_tokens_decoder\": {{}}}}"));
    assert_eq!(render(), "<p>||False|<i>|<a>|False|False|<b>");

    write("tokenizer_config.json", r#"{"pad_token": 5, "added_tokens_decoder": {}}"#);
    let error = ChatTemplate::from_dir(dir.path()).err().unwrap().to_string();
    assert!(error.contains("tokenizer_config.json: `pad_token` is no token"), "{error}");
}

#[test]
fn every_line_end_is_a_line_feed() {
    let [feeds, both, returns] = ["\n", "\r\n", "\r"].map(|end| {
        let source = ["a", "{% if true %}", "b", "{% endif %}", "{{ 'c", "d' }}", ""].join(end);
        render(&source, &[("user", "x")])
    });
    assert_eq!(feeds, "a\nb\nc\nd");
    assert_eq!([&both, &returns], [&feeds, &feeds]);
    // An escape is no line end of the template.
    assert_eq!(render("{{ 'a\\r\\nb' }}", &[("user", "x")]), "a\r\nb");
    assert_eq!(ChatTemplate::new("a\r\n", "", "").unwrap().source(), "a\n");
}

#[test]
fn named_templates_lie_in_lists_and_in_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let rendered = || {
        let template = ChatTemplate::from_dir(dir.path()).map_err(|error| error.to_string())?;
        template.unwrap().render(&turns(&[("user", "x")]), true).map_err(|error| error.to_string())
    };
    write("chat_template.json", r#"{"chat_template": "processor"}"#);
    assert_eq!(rendered().unwrap(), "processor");
    write("tokenizer_config.json", r#"{"chat_template": [{"name": "rag", "template": "no"}]}"#);
    let error = rendered().unwrap_err();
    assert!(error.contains("no chat template is named `default`; there is `rag`"), "{error}");
    std::fs::create_dir(dir.path().join("additional_chat_templates")).unwrap();
    write("additional_chat_templates/tool_use.jinja", "tools");
    assert!(rendered().unwrap_err().contains("`tool_use`"));
    write("chat_template.jinja", "own");
    assert_eq!(rendered().unwrap(), "own");
    write("tokenizer_config.json", r#"{"chat_template": 3}"#);
    std::fs::remove_file(dir.path().join("chat_template.jinja")).unwrap();
    std::fs::remove_dir_all(dir.path().join("additional_chat_templates")).unwrap();
    assert!(rendered().unwrap_err().contains("`chat_template` is no template"));
}

#[test]
fn fingerprints_know_the_tokens_that_a_template_speaks_of() {
    let print = |source: &str, tokens: &[(&str, &str)]| {
        ChatTemplate::with_tokens(source, tokens.iter().copied().collect()).unwrap().fingerprint()
    };
    let plain = "{{ eos_token }}";
    assert_eq!(print(plain, &[("eos_token", "e"), ("pad_token", "p")]), print(plain, &[("eos_token", "e")]));
    let padded = "{{ pad_token }}";
    assert_ne!(print(padded, &[("pad_token", "p")]), print(padded, &[("pad_token", "q")]));
}

#[test]
fn an_export_frames_prompts_as_its_source_does() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden");
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(golden.join(name), from.path().join(name)).unwrap();
    }
    let more = from.path().join("additional_chat_templates");
    std::fs::create_dir(&more).unwrap();
    std::fs::write(more.join("default.jinja"), "{{ messages[0].content }}{{ pad_token }}\r\n!").unwrap();
    let open = |dir: &std::path::Path| {
        let template = ChatTemplate::from_dir(dir).unwrap();
        Encoder::new(TextTokenizer::from_dir(dir).unwrap(), template, 2)
    };
    let source = open(from.path());
    source.save(to.path()).unwrap();
    let prompt = Prompt::Text("x".to_owned());
    let framed = |encoder: &Encoder| encoder.template().unwrap().render(&prompt.messages(), true).unwrap();
    assert_eq!(framed(&source), "x<pad>\n!");
    assert_eq!(framed(&open(to.path())), framed(&source));

    // Made anew from what no directory holds: the same special tokens, no others.
    let bytes = std::fs::read(golden.join("tokenizer.json")).unwrap();
    let tokenizer = TextTokenizer::from_bytes(&bytes).unwrap().with_ends(Some(2), Some(1));
    let text = "{{ messages[0].content }}{{ eos_token }}{{ pad_token is defined }}{{ unk_token }}";
    let tokens = [("eos_token", "<s>"), ("unk_token", "<pad>")].into_iter().collect();
    let made = Encoder::new(tokenizer, Some(ChatTemplate::with_tokens(text, tokens).unwrap()), 2);
    let other = tempfile::tempdir().unwrap();
    made.save(other.path()).unwrap();
    assert_eq!(framed(&made), "x<s>False<pad>");
    assert_eq!(framed(&open(other.path())), framed(&made));
}

#[test]
fn tool_turns_reach_the_template_whole() {
    let source = "{% for m in messages %}[{{ m.role }}|{{ m.content }}{% for c in m.tool_calls or [] %}|{{ c.function.name }}\
                  {% endfor %}{% if m.tool_call_id is defined %}|{{ m.tool_call_id }}{% endif %}]{% endfor %}";
    let template = ChatTemplate::new(source, "", "").unwrap();
    let turns = r#"[{"role": "user", "content": "q"}, {"role": "assistant", "content": "",
        "tool_calls": [{"id": "1", "function": {"name": "kettle", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "on"}]"#;
    let turns: Vec<Message> = serde_json::from_str(turns).unwrap();
    let text = template.render(&turns, false).unwrap();
    assert_eq!(text, "[user|q][assistant||kettle][tool|on|1]");
}
