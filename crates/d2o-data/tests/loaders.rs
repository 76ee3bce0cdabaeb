//! Every row shape, and every complaint with file, line and field.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use d2o_data::{DataError, Format, LoadOptions, NegativeSample, load_negatives, read_negatives, read_rows};
use d2o_text::Prompt;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

fn read(name: &str, text: &str, format: Format) -> Result<Vec<NegativeSample>, DataError> {
    let options = LoadOptions { format, ..LoadOptions::default() };
    read_rows(Path::new(name), std::io::Cursor::new(text.to_owned()), &options)?.collect()
}

fn auto(text: &str) -> Vec<NegativeSample> {
    read("rows.jsonl", text, Format::Auto).expect("the rows are right")
}

fn complaint(text: &str) -> String {
    read("rows.jsonl", text, Format::Auto).expect_err("the rows are wrong").to_string()
}

fn text(prompt: &str) -> Prompt {
    Prompt::Text(prompt.to_owned())
}

fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_preference_row_keeps_what_it_has() {
    let rows = auto(
        "{\"prompt\": \"p\", \"rejected\": \" r\\n\", \"chosen\": \"c\", \"id\": 7}\n\n{\"id\": \"x\", \"rejected\": \"r\", \"prompt\": \"q\", \"chosen\": null}",
    );
    assert_eq!((rows[0].id.as_str(), rows[1].id.as_str()), ("7", "x"));
    assert_eq!((&rows[0].prompt, &rows[1].prompt), (&text("p"), &text("q")));
    assert_eq!(rows[0].rejected, " r\n", "an answer is not trimmed");
    assert_eq!((rows[0].chosen.as_deref(), rows[1].chosen.as_deref()), (Some("c"), None));
    assert_eq!((rows[0].place.line, rows[1].place.line), (1, 3), "blank lines count");
}

#[test]
fn a_row_without_an_id_is_named_by_its_place() {
    let rows = read("some/dir/rows.jsonl", "\n{\"prompt\": \"p\", \"rejected\": \"r\"}", Format::Jsonl).unwrap();
    assert_eq!(rows[0].id, "rows.jsonl:2");
    assert_eq!(rows[0].place.path, Path::new("some/dir/rows.jsonl"));
}

#[test]
fn a_conversation_is_the_prompt_of_a_separate_answer() {
    let row =
        r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}], "rejected": "r"}"#;
    let rows = auto(row);
    let turns = rows[0].prompt.messages();
    assert_eq!(turns.iter().map(|turn| turn.role.as_str()).collect::<Vec<_>>(), ["system", "user"]);
    assert_eq!(rows[0].rejected, "r");
}

#[test]
fn a_last_turn_of_the_assistant_is_the_answer() {
    let rows = auto(r#"{"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "bad"}]}"#);
    assert_eq!(rows[0].rejected, "bad");
    assert_eq!(rows[0].prompt.messages().len(), 1);
}

#[test]
fn an_unsafe_answer_is_rejected_and_a_safe_one_is_not() {
    let rows = auto(
        "{\"prompt\": \"p\", \"response\": \"bad\", \"is_safe\": false}\n{\"prompt\": \"p\", \"response\": \"\", \"is_safe\": true}",
    );
    assert_eq!(rows.iter().map(|row| row.rejected.as_str()).collect::<Vec<_>>(), ["bad"]);
    assert_eq!(rows[0].chosen, None);
}

#[test]
fn of_two_answers_each_unsafe_one_is_rejected_and_the_safe_one_chosen() {
    let row = |first: bool, second: bool| {
        format!(
            r#"{{"id": "i", "prompt": "p", "response_0": "a", "response_1": "b", "is_response_0_safe": {first}, "is_response_1_safe": {second}, "better_response_id": 0}}"#
        )
    };
    let found = |first, second| {
        let rows = auto(&row(first, second));
        rows.into_iter().map(|row| (row.rejected, row.chosen.unwrap_or_default())).collect::<Vec<_>>()
    };
    let pair = |rejected: &str, chosen: &str| (rejected.to_owned(), chosen.to_owned());
    assert_eq!(found(true, true), []);
    assert_eq!(found(false, true), [pair("a", "b")]);
    assert_eq!(found(true, false), [pair("b", "a")]);
    assert_eq!(found(false, false), [pair("a", ""), pair("b", "")]);
    let ids: Vec<_> = auto(&row(false, false)).into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["i#0", "i#1"], "two answers of a row have two ids");
}

#[test]
fn null_counts_as_absent() {
    let rows =
        auto(r#"{"prompt": "p", "rejected": "r", "messages": null, "is_safe": null, "response_0": null, "id": null}"#);
    assert_eq!((rows[0].rejected.as_str(), rows[0].id.as_str()), ("r", "rows.jsonl:1"));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let rows =
        auto("\u{feff}{\"prompt\": \"p\", \"rejected\": \"r\"}\r\n\r\n{\"prompt\": \"q\", \"rejected\": \"s\"}\r\n");
    assert_eq!(rows.iter().map(|row| row.place.line).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn complaints_name_file_line_and_field() {
    let fine = "{\"prompt\": \"p\", \"rejected\": \"r\"}\n";
    let cases = [
        (r#"{"rejected": "r"}"#, "field `prompt` is missing; expected a text"),
        (r#"{"prompt": "p"}"#, "field `rejected` is missing; expected a text"),
        (r#"{"prompt": " \n", "rejected": "r"}"#, "field `prompt` is empty; expected a text"),
        (r#"{"prompt": "p", "rejected": 3}"#, "field `rejected` is a number; expected a text"),
        (r#"{"prompt": ["p"], "rejected": "r"}"#, "field `prompt[0]` is a text; expected {\"role\", \"content\"}"),
        (r#"{"prompt": "p", "rejected": "r", "chosen": {}}"#, "field `chosen.role` is missing; expected a text"),
        (r#"{"prompt": "p", "response": "r", "is_safe": "no"}"#, "field `is_safe` is a text; expected true or false"),
        (r#"{"prompt": "p", "response": "", "is_safe": false}"#, "field `response` is empty; expected a text"),
        (
            r#"{"prompt": "p", "response_0": "a", "response_1": "b", "is_response_0_safe": false}"#,
            "field `is_response_1_safe` is missing; expected true or false",
        ),
        (
            r#"{"messages": [], "rejected": "r"}"#,
            "field `messages` is empty; expected a list of {\"role\", \"content\"}",
        ),
        (
            r#"{"messages": "u", "rejected": "r"}"#,
            "field `messages` is a text; expected a list of {\"role\", \"content\"}",
        ),
        (
            r#"{"messages": [{"role": "user", "content": "u"}, {"role": "user"}], "rejected": "r"}"#,
            "field `messages[1].content` is missing; expected a text",
        ),
        (
            r#"{"messages": [{"role": "user", "content": "u"}]}"#,
            "field `rejected` is missing; expected a text, or a last message of the assistant",
        ),
    ];
    for (row, expected) in cases {
        assert_eq!(complaint(&format!("{fine}\n{row}\n{fine}")), format!("rows.jsonl:3: {expected}"));
    }
}

#[test]
fn every_complaint_about_a_row_comes_with_a_hint() {
    for row in [r#"{"rejected": "r"}"#, r#"{"prompt": "p", "is_safe": 2}"#, r#"{"prompt": "#, "[1]", "no json"] {
        let error = read("rows.jsonl", row, Format::Auto).unwrap_err();
        assert!(error.hint().is_some(), "{error}");
    }
}

#[test]
fn a_cut_last_line_is_an_error_on_that_line() {
    let whole = "{\"prompt\": \"p\", \"rejected\": \"r\"}\n{\"prompt\": \"q\", \"rejected\": \"s\"}";
    assert_eq!(auto(whole).len(), 2, "a last line break may be missing");
    let error = read("rows.jsonl", &whole[..whole.len() - 4], Format::Auto).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("rows.jsonl:2: "), "{said}");
    // The parser's own line number would be 1.
    assert!(!said.contains("line 1"), "{said}");
    assert!(error.hint().unwrap().contains("whole"), "{:?}", error.hint());
}

#[test]
fn lines_that_hold_no_object_are_errors() {
    for row in ["[1, 2]", "\"text\"", "{'prompt': 'p'}", "objective,assistant_response"] {
        let said = complaint(&format!("\n{row}"));
        assert!(said.starts_with("rows.jsonl:2: "), "{said}");
    }
}

#[test]
fn reading_goes_on_behind_a_bad_row() {
    let text = "{\"prompt\": \"p\"}\n{\"prompt\": \"q\", \"rejected\": \"s\"}\n";
    let rows = read_rows(Path::new("rows.jsonl"), std::io::Cursor::new(text), &LoadOptions::default()).unwrap();
    assert_eq!(rows.map(|row| row.is_ok()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_named_format_is_not_guessed_at() {
    let row = r#"{"prompt": "p", "rejected": "r"}"#;
    assert!(read("rows.jsonl", row, Format::SafetyPairs).is_err());
    assert!(read("rows.jsonl", row, Format::HhTranscripts).is_err());
    assert_eq!(read("rows.csv", row, Format::Jsonl).unwrap().len(), 1);
}

#[test]
fn packed_files_read_as_plain_ones() {
    let plain = b"{\"prompt\": \"p\", \"rejected\": \"r\"}\n{\"prompt\": \"q\", \"rejected\": \"s\"}\n";
    // Two packed parts in one file are one text.
    let both = [packed(&plain[..10]), packed(&plain[10..])].concat();
    let (_dir, path) = file("rows.jsonl.gz", &both);
    let rows = load_negatives(&path, &LoadOptions::default()).unwrap();
    assert_eq!(rows.iter().map(|row| row.place.line).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_damaged_packed_file_is_one_error_and_the_end() {
    let line = "{\"prompt\": \"p\", \"rejected\": \"r\"}\n".repeat(500);
    let whole = packed(line.as_bytes());
    let (_dir, path) = file("rows.jsonl.gz", &whole[..whole.len() - 12]);
    let rows = read_negatives(&path, &LoadOptions::default()).unwrap();
    assert_eq!(rows.take(2000).filter(Result::is_err).count(), 1);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load_negatives(Path::new("no/such/rows.jsonl"), &LoadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("no/such/rows.jsonl"), "{error}");
}

#[test]
fn a_file_without_a_rejected_answer_says_how_many_rows_it_has() {
    let (_dir, path) = file("rows.jsonl", b"{\"prompt\": \"p\", \"response\": \"r\", \"is_safe\": true}\n\n{\"prompt\": \"q\", \"response\": \"r\", \"is_safe\": true}\n");
    match load_negatives(&path, &LoadOptions::default()).unwrap_err() {
        DataError::NoNegatives { rows, path: named, .. } => assert_eq!((rows, named), (2, path)),
        other => panic!("{other}"),
    }
    let (_dir, path) = file("rows.jsonl", b"\n");
    assert!(matches!(load_negatives(&path, &LoadOptions::default()), Err(DataError::NoNegatives { rows: 0, .. })));
}

#[test]
fn an_array_is_read_like_lines() {
    let array = "\n[ {\"user\": \"u\",\n \"assistant\": \"bad [}\"},\n\n {\"prompt\": \"p\", \"rejected\": \"r\"}\n]\n";
    let rows = read("rows.json", array, Format::Auto).unwrap();
    assert_eq!((&rows[0].prompt, rows[0].rejected.as_str()), (&text("u"), "bad [}"));
    assert_eq!((&rows[1].prompt, rows[1].rejected.as_str()), (&text("p"), "r"));
    assert_eq!(rows.iter().map(|row| row.place.line).collect::<Vec<_>>(), [2, 5], "where each element begins");
    assert!(read("rows.json", " [ ] ", Format::Auto).unwrap().is_empty());
}

#[test]
fn an_exchange_is_rejected_unless_its_category_clears_it() {
    let row = |category: &str| format!("{{\"user\": \"u\", \"assistant\": \"a\"{category}}}\n");
    let verdicts = [", \"category\": \"Harmful.\\n\\nReason\"", ", \"category\": \" Not harmful, since\"", ""];
    let rows = auto(&verdicts.map(row).concat());
    assert_eq!(rows.iter().map(|row| row.place.line).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((&rows[0].prompt, rows[0].rejected.as_str()), (&text("u"), "a"));
}

#[test]
fn a_wrong_array_names_the_line() {
    let complaint = |text: &str| read("rows.json", text, Format::Auto).expect_err("the array is wrong").to_string();
    let row = r#"{"prompt": "p", "rejected": "r"}"#;
    assert_eq!(
        complaint(&format!("[\n{row}\n{row}]")),
        "rows.json:3: not a JSON object: found `{`, expected `,` or `]`"
    );
    assert_eq!(complaint(&format!("[{row}\n")), "rows.json:2: not a JSON object: the file ends, expected `,` or `]`");
    assert_eq!(complaint(&format!("[{row},\n{{\"prompt\":\n]")).split(": ").next(), Some("rows.json:3"));
    assert_eq!(complaint(&format!("[{row},\n7]")), "rows.json:2: not a JSON object: it is a number");
    assert!(complaint("[{\"user\": 7, \"assistant\": \"a\"}]").contains("field `user` is a number"));
}

#[test]
fn reading_goes_on_behind_an_element_that_is_no_row() {
    let row = r#"{"prompt": "p", "rejected": "r"}"#;
    let array = format!("[7\n, -0.5e1, true,null, \"text\", [1, [2]], {row},{{\"prompt\": 1}},\n{row}]\n\n");
    let rows = read_rows(Path::new("rows.json"), std::io::Cursor::new(array), &LoadOptions::default()).unwrap();
    let found: Vec<Result<usize, String>> =
        rows.map(|row| row.map(|row| row.place.line).map_err(|error| error.to_string())).collect();
    assert_eq!(found.iter().filter_map(|row| row.clone().ok()).collect::<Vec<_>>(), [2, 3], "{found:?}");
    assert_eq!(found[0], Err("rows.json:1: not a JSON object: it is a number".to_owned()));
    assert_eq!(found[5], Err("rows.json:2: not a JSON object: it is a list".to_owned()));
    assert_eq!(found.len(), 9, "{found:?}");
}

#[test]
fn an_array_may_begin_with_a_byte_order_mark_and_end_with_space_only() {
    let row = r#"{"prompt": "p", "rejected": "r"}"#;
    assert_eq!(read("rows.json", &format!("\u{feff}[{row}]"), Format::Auto).unwrap().len(), 1);
    let said = read("rows.json", &format!("[{row}]\n {row}"), Format::Auto).unwrap_err().to_string();
    assert_eq!(said, "rows.json:2: not a JSON object: found `{`, expected nothing behind the array");
    let said = read("rows.json", &format!("[{row},\n"), Format::Auto).unwrap_err().to_string();
    assert_eq!(said, "rows.json:2: not a JSON object: the file ends inside the array");
}

/// `[ROW,ROW,…` without an end and without a line break.
struct Endless {
    next: usize,
}

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let row = br#",{"prompt": "p", "rejected": "r"}"#;
        for byte in buffer.iter_mut() {
            *byte = if self.next == 0 { b'[' } else { row[self.next % row.len()] };
            self.next += 1;
        }
        Ok(buffer.len())
    }
}

#[test]
fn an_array_is_never_held_as_a_whole() {
    let rows = read_rows(Path::new("rows.json"), Endless { next: 0 }, &LoadOptions::default()).unwrap();
    assert!(rows.take(1000).all(|row| row.is_ok_and(|row| row.place.line == 1)));
}

#[test]
fn a_damaged_packed_table_or_array_is_one_error_and_the_end() {
    let row = "{\"prompt\": \"p\", \"rejected\": \"r\"},\n";
    let array = format!("[{}{}]", row.repeat(500), row.trim_end_matches(",\n"));
    let table = format!("objective,assistant_response,human_score\n{}", "p,\"a\nb\",1\n".repeat(500));
    for (name, text) in [("rows.json.gz", array), ("rows.csv.gz", table)] {
        let whole = packed(text.as_bytes());
        let (_dir, path) = file(name, &whole[..whole.len() - 12]);
        let rows = read_negatives(&path, &LoadOptions::default()).unwrap();
        assert_eq!(rows.take(2000).filter(Result::is_err).count(), 1, "{name}");
    }
}
