//! The lint.

use d2o_data::{LintKind, NegativeSample, Place, lint};
use d2o_text::{ChatTemplate, Encoder, Limits, Prompt, TextTokenizer};

const CHAT: &str = "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}\
                    {% if add_generation_prompt %}<|turn|>assistant\n{% endif %}";
const PLENTY: Limits = Limits { max_prompt_tokens: 1000, max_response_tokens: 1000 };

/// Bytes, the merges of `abc`, which stands for all words here, and three special tokens: 0, 1 and 2.
fn tokenizer() -> TextTokenizer {
    TextTokenizer::train(["abc abc abc"], 262, &["<|end|>", "<|turn|>", "<sep>"]).unwrap()
}

fn plain() -> Encoder {
    Encoder::new(tokenizer(), None, 0)
}

fn chat(end: u32) -> Encoder {
    Encoder::new(tokenizer(), Some(ChatTemplate::new(CHAT, "", "").unwrap()), end)
}

fn sample(prompt: &str, rejected: &str, line: usize) -> NegativeSample {
    let place = Place { path: "rows.jsonl".into(), line };
    let prompt = Prompt::Text(prompt.to_owned());
    NegativeSample { id: line.to_string(), prompt, rejected: rejected.to_owned(), chosen: None, place }
}

#[test]
fn the_lint_counts_each_oddity_once_a_row() {
    let rows = [
        sample("x", "y", 1),
        sample("X ", " y", 2),
        sample("x", "z", 3),
        sample("a", "bc", 4),
        sample("q", "   ", 5),
        sample("r", "yyyyyyyy", 6),
        sample("pppppppp", "y", 7),
        sample("s", "stop<|end|>", 8),
        sample("", "y", 9),
    ];
    let report = lint(&rows, &plain(), &Limits { max_prompt_tokens: 6, max_response_tokens: 6 });
    let found: Vec<(LintKind, usize)> = LintKind::ALL.map(|kind| (kind, report.count(kind))).into();
    let expected = [
        (LintKind::LeftOut, 0),
        (LintKind::Duplicate, 1),
        (LintKind::Empty, 1),
        (LintKind::Truncated, 1),
        (LintKind::MissingEnd, 0),
        (LintKind::LongPrompt, 1),
        (LintKind::BoundaryMerge, 1),
        (LintKind::SpecialToken, 1),
        (LintKind::RefusedPrompt, 1),
        (LintKind::SharedPrompt, 1),
    ];
    assert_eq!(found, expected);
    let table = report.to_string();
    assert!(table.contains("rows.jsonl:4") && table.lines().count() == 11, "{table}");
    assert_eq!(serde_json::to_value(&report).unwrap()["rows"], 9);
}

#[test]
fn copies_of_one_row_are_no_several_answers() {
    let rows = [sample("x", "y", 1), sample("x", "y", 2)];
    let report = lint(&rows, &plain(), &PLENTY);
    assert_eq!((report.count(LintKind::Duplicate), report.count(LintKind::SharedPrompt)), (1, 0));
}

#[test]
fn an_end_token_that_the_template_does_not_write_is_found() {
    assert_eq!(lint(&[sample("x", "y", 1)], &chat(2), &PLENTY).count(LintKind::MissingEnd), 1);
    assert_eq!(lint(&[sample("x", "y", 1)], &chat(0), &PLENTY).count(LintKind::MissingEnd), 0);
}
