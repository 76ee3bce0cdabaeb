//! Pairs of transcripts with `Human:` and `Assistant:` turns.

use std::path::Path;

use d2o_data::{DataError, LoadOptions, NegativeSample, read_rows};
use d2o_text::Message;

fn read(rejected: &str, chosen: &str) -> Result<Vec<NegativeSample>, DataError> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\n', "\\n"));
    let row = format!("{{\"chosen\": {}, \"rejected\": {}}}\n", quoted(chosen), quoted(rejected));
    read_rows(Path::new("hh.jsonl"), std::io::Cursor::new(row), &LoadOptions::default())?.collect()
}

fn only(rejected: &str, chosen: &str) -> NegativeSample {
    let mut rows = read(rejected, chosen).unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn turns(row: &NegativeSample) -> Vec<(String, String)> {
    row.prompt.messages().into_iter().map(|Message { role, content, .. }| (role, content)).collect()
}

fn user(content: &str) -> (String, String) {
    ("user".to_owned(), content.to_owned())
}

fn assistant(content: &str) -> (String, String) {
    ("assistant".to_owned(), content.to_owned())
}

#[test]
fn the_prompt_is_what_both_share_and_the_answers_are_apart() {
    let row = only(
        "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: no",
        "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: yes",
    );
    assert_eq!(turns(&row), [user("a"), assistant("b"), user("c")]);
    assert_eq!((row.rejected.as_str(), row.chosen.as_deref()), ("no", Some("yes")));
}

#[test]
fn a_pair_that_parts_in_an_early_answer_ends_there() {
    let row = only(
        "\n\nHuman: a\n\nAssistant: no\n\nHuman: c\n\nAssistant: d",
        "\n\nHuman: a\n\nAssistant: yes\n\nHuman: c\n\nAssistant: d",
    );
    assert_eq!(turns(&row), [user("a")]);
    assert_eq!((row.rejected.as_str(), row.chosen.as_deref()), ("no", Some("yes")));
}

#[test]
fn a_pair_that_parts_in_what_the_human_said_has_nothing_chosen() {
    let row = only(
        "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: no",
        "\n\nHuman: a\n\nAssistant: b\n\nHuman: other\n\nAssistant: yes",
    );
    assert_eq!(turns(&row), [user("a"), assistant("b"), user("c")]);
    assert_eq!((row.rejected.as_str(), row.chosen), ("no", None));
}

#[test]
fn a_chosen_one_that_stops_earlier_is_no_pair() {
    let row = only("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: no", "\n\nHuman: a\n\nAssistant: b");
    assert_eq!(turns(&row), [user("a"), assistant("b"), user("c")]);
    assert_eq!((row.rejected.as_str(), row.chosen), ("no", None));
}

#[test]
fn an_empty_chosen_answer_is_none_and_an_empty_rejected_one_no_row() {
    let asked = "\n\nHuman: a\n\nAssistant:";
    assert_eq!(only(&format!("{asked} no"), asked).chosen, None);
    assert_eq!(read(asked, &format!("{asked} yes")).unwrap(), []);
}

#[test]
fn equal_transcripts_and_a_rejected_one_that_is_only_shorter_hold_nothing() {
    let one = "\n\nHuman: a\n\nAssistant: b";
    assert_eq!(read(one, one).unwrap(), []);
    assert_eq!(read(one, &format!("{one}\n\nHuman: c\n\nAssistant: d")).unwrap(), []);
}

#[test]
fn an_answer_that_answers_nothing_is_left_out() {
    assert_eq!(read("\n\nAssistant: no", "\n\nAssistant: yes").unwrap(), []);
}

#[test]
fn line_breaks_and_colons_inside_a_turn_stay() {
    let row = only(
        "\n\nHuman: a\n\nb: c\nHuman: d\n\nAssistant: one\n\ntwo",
        "\n\nHuman: a\n\nb: c\nHuman: d\n\nAssistant: yes",
    );
    assert_eq!(turns(&row), [user("a\n\nb: c\nHuman: d")]);
    assert_eq!(row.rejected, "one\n\ntwo");
}

#[test]
fn a_text_without_turns_is_an_error_with_its_field() {
    for (rejected, chosen, field) in [
        ("plain", "\n\nHuman: a\n\nAssistant: b", "rejected"),
        ("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: only", "chosen"),
        ("intro\n\nHuman: a\n\nAssistant: b", "\n\nHuman: a\n\nAssistant: c", "rejected"),
    ] {
        let error = read(rejected, chosen).unwrap_err();
        let beginning = format!("hh.jsonl:1: field `{field}` has no ");
        assert!(error.to_string().starts_with(&beginning), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_transcript_alone_ends_with_its_rejected_answer() {
    for chosen in ["", ", \"chosen\": null", ", \"chosen\": \"\""] {
        let row = format!("{{\"rejected\": \"\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\"{chosen}}}");
        let rows = read_rows(Path::new("hh.jsonl"), std::io::Cursor::new(row), &LoadOptions::default()).unwrap();
        let rows: Vec<NegativeSample> = rows.collect::<Result<_, _>>().unwrap();
        assert_eq!((turns(&rows[0]), rows[0].rejected.as_str()), (vec![user("a")], "b"));
    }
}

#[test]
fn lost_blank_lines_and_windows_line_ends_change_nothing() {
    let whole = only("\n\nHuman: a\n\nAssistant: no\nyes", "\n\nHuman: a\n\nAssistant: yes");
    for (rejected, chosen) in [
        ("Human: a\n\nAssistant: no\nyes", "Human: a\n\nAssistant: yes"),
        ("\\r\n\\r\nHuman: a\\r\n\\r\nAssistant: no\\r\nyes", "\\r\n\\r\nHuman: a\\r\n\\r\nAssistant: yes"),
        ("Human: a\nAssistant: no\nyes", "Human: a\nAssistant: yes\n"),
    ] {
        let row = only(rejected, chosen);
        assert_eq!(
            (turns(&row), row.rejected, row.chosen),
            (turns(&whole), whole.rejected.clone(), whole.chosen.clone())
        );
    }
}
