//! Rows and files that are refused or left out: the place, the fields and a remedy, and never a liked answer as a
//! rejected one.

use std::io::Cursor;
use std::path::Path;

use d2o_data::{DataError, LoadOptions, NegativeSample, Negatives, load_negatives, read_rows};

const MESSAGES: &str = r#""messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]"#;

fn read_with(text: &str, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    read_rows(Path::new("rows.jsonl"), Cursor::new(text.to_owned()), options)?.collect()
}

fn read(text: &str) -> Result<Vec<NegativeSample>, DataError> {
    read_with(text, &LoadOptions::default())
}

fn rejected(text: &str) -> Vec<String> {
    read(text).unwrap_or_else(|error| panic!("{text}: {error}")).into_iter().map(|row| row.rejected).collect()
}

fn refused(text: &str) -> (String, String) {
    let error = read(text).expect_err(text);
    (error.to_string(), error.hint().expect("every refusal has a remedy"))
}

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn a_verdict_beside_any_single_answer_is_read_whatever_it_is_called() {
    let answers = [
        r#""prompt": "q", "completion": "a""#,
        r#""prompt": "q", "response": "a""#,
        r#""instruction": "q", "input": "", "output": "a""#,
        r#""question": "q", "answer": "a""#,
        r#""conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]"#,
        MESSAGES,
    ];
    let bad = [
        "\"label\": false",
        "\"label\": \"False\"",
        "\"label\": \"rejected\"",
        "\"kto_tag\": false",
        "\"kto_tag\": 0",
        "\"thumbs\": \"down\"",
        "\"thumbs\": -1",
        "\"feedback\": \"👎\"",
        "\"feedback\": \"Thumbs-Down\"",
        "\"liked\": false",
        "\"disliked\": true",
        "\"rejected\": true",
        "\"thumbs_down\": 1",
        "\"vote\": \"downvote\"",
    ];
    let good_or_open = [
        "\"label\": true",
        "\"label\": \"true\"",
        "\"label\": null",
        "\"label\": \"\"",
        "\"kto_tag\": 1",
        "\"thumbs\": \"up\"",
        "\"thumbs\": 1",
        "\"feedback\": \"👍\"",
        "\"feedback\": null",
        "\"liked\": true",
        "\"disliked\": false",
        "\"rejected\": false",
        "\"vote\": \"neutral\"",
        "\"rating\": null",
    ];
    for answer in answers {
        for verdict in bad {
            assert_eq!(rejected(&format!("{{{answer}, {verdict}}}")), ["a"], "{answer} {verdict}");
        }
        for verdict in good_or_open {
            assert!(rejected(&format!("{{{answer}, {verdict}}}")).is_empty(), "{answer} {verdict}");
        }
    }
}

#[test]
fn a_verdict_that_is_not_understood_is_refused_with_its_field() {
    for (field, value) in [
        ("label", "\"violence\""),
        ("label", "1"),
        ("label", "\"safe\""),
        ("label", "{}"),
        ("kto_tag", "\"maybe\""),
        ("thumbs", "0"),
        ("feedback", "\"It was far too long for me.\""),
        ("rating", "\"five\""),
        ("score", "0.5"),
        ("reward", "3"),
        ("winner", "\"model_a\""),
        ("preference", "1"),
        ("chosen_index", "0"),
    ] {
        for answer in [MESSAGES, r#""prompt": "q", "response": "a""#] {
            let (said, _) = refused(&format!("{{{answer}, \"{field}\": {value}}}"));
            assert!(said.starts_with("rows.jsonl:1: ") && said.contains(&format!("`{field}`")), "{said}");
        }
    }
    // Only TRL's rows say by `completion` that 0 means unwanted.
    assert_eq!(rejected(r#"{"prompt": "q", "completion": "a", "label": 0}"#), ["a"]);
}

#[test]
fn verdicts_that_contradict_each_other_are_refused() {
    let (said, _) = refused(r#"{"prompt": "q", "response": "a", "label": false, "thumbs": "up"}"#);
    assert!(said.contains("`thumbs` says otherwise than `label`"), "{said}");
    assert_eq!(rejected(r#"{"prompt": "q", "response": "a", "label": false, "thumbs": "down", "vote": null}"#), ["a"]);
}

#[test]
fn a_rejected_answer_that_was_wanted_is_refused() {
    for extra in [
        r#""label": true"#,
        r#""rating": 5"#,
        r#""chosen": "b", "label": false"#,
        r#""chosen": "b", "winner": "b""#,
        r#""chosen": "b", "score_chosen": 1, "score_rejected": 2"#,
        r#""feedback": "liked""#,
        r#""score": null, "label": true"#,
        r#""reward": 0.2, "kto_tag": true"#,
    ] {
        let (said, _) = refused(&format!("{{\"prompt\": \"q\", \"rejected\": \"a\", {extra}}}"));
        assert!(said.starts_with("rows.jsonl:1: field `"), "{said}");
    }
    for extra in [
        r#""label": false"#,
        r#""rating": 1"#,
        r#""score": 0.2"#,
        r#""chosen": "b", "score": 0.2"#,
        r#""chosen": "b", "score_chosen": 2, "score_rejected": 2"#,
        r#""chosen": "b", "margin": 0.5"#,
    ] {
        assert_eq!(rejected(&format!("{{\"prompt\": \"q\", \"rejected\": \"a\", {extra}}}")), ["a"], "{extra}");
    }
}

#[test]
fn an_answer_of_which_nobody_says_anything_is_refused() {
    for row in [
        r#"{"prompt": "q", "completion": "a"}"#,
        r#"{"prompt": "q", "response": "a", "model": "m"}"#,
        r#"{"instruction": "q", "input": "", "output": "a"}"#,
    ] {
        let (said, hint) = refused(row);
        assert!(said.contains("no field says whether") && said.contains("was rejected"), "{said}");
        assert!(hint.contains("`rejected`"), "{hint}");
    }
}

#[test]
fn unknown_rows_are_refused_with_their_fields_and_the_nearest_shape() {
    let (said, hint) = refused(r#"{"question_text": "q", "reject": "a", "chosen_answer": "b"}"#);
    assert_eq!(
        said,
        "rows.jsonl:1: no known shape of row; the row has the fields `question_text`, `reject`, `chosen_answer`"
    );
    assert!(hint.contains("preference row") && hint.contains("\"rejected\""), "{hint}");
    let (said, hint) =
        refused("{\"prompt\": {\"0\": \"q\", \"1\": \"r\"}, \"rejected\": {\"0\": \"a\", \"1\": \"b\"}}");
    assert!(said.contains("columns instead of rows") && hint.contains("orient=\"records\""), "{said} {hint}");
}

#[test]
fn hints_show_rows_of_the_shape_that_was_read() {
    for (row, shown) in [
        (r#"{"prompt": [{"role": "user", "content": "q"}], "rejected": [{"role": "user", "content": "a"}]}"#, "list"),
        (r#"{"conversations": [{"from": "human", "value": "q"}], "rejected": 7}"#, "\"from\": \"human\""),
        (r#"{"input": {"messages": []}, "non_preferred_output": []}"#, "non_preferred_output"),
        (r#"{"messages": [{"role": "user", "content": "q"}], "rejected_response": ""}"#, "rejected_response"),
        (r#"{"prompt": "q", "completion": "", "label": false}"#, "\"label\": false"),
    ] {
        let (said, hint) = refused(row);
        assert!(hint.contains(shown), "{said}\n{hint}");
    }
}

#[test]
fn parts_that_are_no_text_are_refused_with_their_place() {
    let image = r#"{"prompt": [{"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image_url", "image_url": {}}]}], "rejected": "a"}"#;
    assert!(refused(image).0.contains("field `prompt[0].content[1]` is of type `image_url`"), "{:?}", refused(image));
    let call = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "x"}]}]}"#;
    assert!(refused(call).0.contains("ends with a message without text"), "{:?}", refused(call));
    let other = r#"{"prompt": [{"role": "user", "content": "q"}], "rejected": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "a"}]}"#;
    assert!(refused(other).0.contains("begins with other turns than `prompt`"), "{:?}", refused(other));
}

#[test]
fn ratings_need_a_scale() {
    let log = |ratings: &[&str]| -> String {
        ratings
            .iter()
            .map(|rating| format!("{{\"prompt\": \"q\", \"response\": \"{rating}\", \"rating\": {rating}}}\n"))
            .collect()
    };
    assert_eq!(rejected(&log(&["1", "2", "2.5", "5"])), ["1", "2"]);
    // On a scale of 0 and 1 a rating of 1 is a good one.
    for ratings in [["0", "1"], ["-1", "1"], ["1", "2"], ["0.1", "0.9"]] {
        let (said, hint) = refused(&log(&ratings));
        assert!(said.starts_with("rows.jsonl: the highest rating is"), "{said}");
        assert!(hint.contains("data.max_rating"), "{hint}");
        let options = LoadOptions { max_rating: Some(0.5), ..LoadOptions::default() };
        let found = read_with(&log(&ratings), &options).unwrap();
        assert!(found.iter().all(|row| row.rejected.parse::<f64>().unwrap() <= 0.5));
    }
    let options = LoadOptions { max_rating: Some(0.4), ..LoadOptions::default() };
    let row = r#"{"prompt": "q", "response": "a", "score": 0.3}"#;
    assert_eq!(read_with(row, &options).unwrap().len(), 1);
}

#[test]
fn one_bad_row_is_left_out_and_all_bad_rows_are_an_error() {
    let text = "{\"prompt\": \"p\"}\nno json\n{\"prompt\": \"q\", \"rejected\": \"s\"}\n{\"prompt\": \"q\", \"rejected\": \" \"}\n";
    let (_dir, path) = file("rows.jsonl", text.as_bytes());
    let load = |strict: bool| Negatives::load(&path, &LoadOptions { strict, ..LoadOptions::default() }, &mut |_, _| {});
    let found = load(false).unwrap();
    assert_eq!((found.samples.len(), found.reading.rows, found.reading.left_out), (1, 4, 3));
    let lines: Vec<String> = found.reading.reasons.iter().map(|reason| reason.place().unwrap()).collect();
    assert_eq!(lines, [1, 2, 4].map(|line| format!("{}:{line}", path.display())));
    assert!(load(true).unwrap_err().to_string().contains("rows.jsonl:1: field `rejected` is missing"));
    assert!(load_negatives(&path, &LoadOptions::default()).is_err(), "this one leaves nothing out");
    let (_dir, path) = file("rows.jsonl", b"{\"prompt\": \"p\"}\n{\"prompt\": \"q\"}\n");
    let error = Negatives::load(&path, &LoadOptions::default(), &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("rows.jsonl:1: field `rejected`"), "{error}");
}

#[test]
fn what_ends_a_file_early_is_an_error_even_where_rows_may_be_left_out() {
    let row = r#"{"prompt": "p", "rejected": "r"}"#;
    for text in [format!("[{row},\n{row}"), format!("prompt,rejected\np,r\nq,\"s\n{}", "t\n".repeat(3))] {
        let (_dir, path) = file("rows", text.as_bytes());
        let error = Negatives::load(&path, &LoadOptions::default(), &mut |_, _| {}).unwrap_err();
        assert!(error.place().is_some(), "{error}");
    }
}

#[test]
fn documents_and_objects_over_several_lines_are_read() {
    let row = "{\n  \"prompt\": \"p\",\n  \"rejected\": \"r\"\n}\n";
    assert_eq!(rejected(&row.repeat(2)), ["r", "r"]);
    assert_eq!(rejected(&format!("{{\"version\": 1, \"data\": [{row}, {row}], \"more\": [1]}}")), ["r", "r"]);
    let (said, _) = refused(&format!("{{\"train\": [{row}], \"test\": [{row}]}}"));
    assert!(said.contains("`test` is a second list of rows"), "{said}");
    let viewer =
        format!("{{\"features\": [{{\"name\": \"prompt\"}}], \"rows\": [{{\"row_idx\": 0, \"row\": {row}}}]}}");
    assert_eq!(rejected(&viewer), ["r"]);
}

#[test]
fn numbers_that_are_none_count_as_null() {
    let row = r#"{"prompt": "p NaN", "chosen": NaN, "score_chosen": -Infinity, "rejected": "say \"NaN\""}"#;
    let rows = read(row).unwrap();
    assert_eq!((rows[0].rejected.as_str(), rows[0].chosen.as_deref()), ("say \"NaN\"", None));
}

#[test]
fn files_that_are_no_rows_are_named() {
    for (bytes, what, remedy) in [
        (&b"PK\x03\x04abc"[..], "zip archive", "CSV"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page", "download"),
        (b"\xff\xfe{\0\"\0", "UTF-16", "UTF-8"),
    ] {
        let (_dir, path) = file("rows.jsonl", bytes);
        let error = load_negatives(&path, &LoadOptions::default()).unwrap_err();
        assert!(error.to_string().contains(what) && error.hint().unwrap().contains(remedy), "{error}");
    }
}

#[test]
fn a_table_of_printed_lists_is_refused_and_one_of_json_is_read() {
    let json = r#""[{""role"": ""user"", ""content"": ""q""}]""#;
    assert_eq!(rejected(&format!("prompt,rejected\n{json},a\n")), ["a"]);
    let (said, hint) = refused("prompt,rejected\n\"[{'role': 'user', 'content': 'q'}]\",a\n");
    assert!(said.contains("rows.jsonl:2: field `prompt` is a list as Python prints it"), "{said} {hint}");
    let (said, _) = refused("prompt,rejected,prompt\np,a,q\n");
    assert!(said.contains("`prompt` stands twice"), "{said}");
    let (said, _) = refused("prompt;rejected\np;a;b\n");
    assert!(said.starts_with("rows.jsonl:2: the row has 3 cells"), "{said}");
}
