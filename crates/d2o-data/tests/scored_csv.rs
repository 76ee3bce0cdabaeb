//! CSV files with human scores.

use std::fs;
use std::path::PathBuf;

use d2o_data::{DataError, LoadOptions, load_labelled, load_negatives};
use tempfile::TempDir;

const HEADER: &str = "objective,assistant_response,human_score\n";

fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("scores.csv");
    fs::write(&path, text).unwrap();
    (dir, path)
}

/// Scores and lines of all rows.
fn scores(text: &str) -> Vec<(f64, usize)> {
    let (_dir, path) = file(text);
    load_labelled(&path).unwrap().into_iter().map(|row| (row.score, row.place.line)).collect()
}

/// What is said about a file, behind its path.
fn complaint(text: &str) -> String {
    let (_dir, path) = file(text);
    let said = load_labelled(&path).unwrap_err().to_string();
    said.strip_prefix(&path.display().to_string()).unwrap_or(&said).to_owned()
}

#[test]
fn comments_with_and_without_trailing_commas_are_skipped() {
    assert_eq!(scores(&format!("# version=1, a=b,,\n#\n{HEADER}p,a,1\n")), [(1.0, 4)]);
    assert_eq!(scores(&format!("{HEADER}p,a,1\n")), [(1.0, 2)]);
    // Below the header a `#` is text.
    assert_eq!(scores(&format!("# c\n{HEADER}#p,a,0\n")), [(0.0, 3)]);
}

#[test]
fn lines_are_physical_lines() {
    let text = format!("# comment\n{HEADER}\"one\ntwo\n\nthree\",a,0.25\n\np,\"b\n\",0.5\nq,c,0.75\n");
    // The comment is line 1, the header 2; the first record begins on 3 and has four lines, then one is blank.
    assert_eq!(scores(&text), [(0.25, 3), (0.5, 8), (0.75, 10)]);
    assert_eq!(scores(&text.replace('\n', "\r\n")), [(0.25, 3), (0.5, 8), (0.75, 10)]);
    assert_eq!(scores(&format!("\u{feff}{text}")), [(0.25, 3), (0.5, 8), (0.75, 10)]);
}

#[test]
fn quotes_and_commas_inside_a_field_are_text() {
    let (_dir, path) = file(&format!("{HEADER}\"say \"\"hi\"\", now\",\" x\ny \",1\n"));
    let rows = load_labelled(&path).unwrap();
    assert_eq!((rows[0].prompt.as_str(), rows[0].answer.as_str()), ("say \"hi\", now", "x\ny"));
}

#[test]
fn the_score_is_the_mean_of_what_is_there() {
    let text = "x,human_score_1,objective,human_score_2,assistant_response,human_score_3,human_scorer\n\
                i,0.25,p,0.5,a,1,anna\n\
                j,,q,0.75,b,,\n\
                k,,r,,c,,bert\n";
    // (0.25 + 0.5 + 1) / 3; one score alone; none, so no row.
    let found = scores(text);
    assert_eq!(found.len(), 2);
    assert!((found[0].0 - 1.75 / 3.0).abs() < 1e-12);
    assert_eq!(found[1], (0.75, 3));
}

#[test]
fn a_row_at_the_threshold_is_rejected() {
    let (_dir, path) = file(&format!("{HEADER}p,a,0.5\nq,b,0.75\nr,c,0.74\ns,d,\n"));
    let answers = |threshold| {
        let rows = load_negatives(&path, &LoadOptions { threshold, ..LoadOptions::default() }).unwrap();
        rows.into_iter().map(|row| row.rejected).collect::<Vec<_>>()
    };
    assert_eq!(answers(0.75), ["b"]);
    assert_eq!(answers(0.0), ["a", "b", "c"]);
}

#[test]
fn a_threshold_that_nothing_reaches_says_what_would() {
    let (_dir, path) = file(&format!("{HEADER}p,a,0.25\nq,b,0.5\n"));
    let options = LoadOptions { threshold: 0.6, ..LoadOptions::default() };
    let error = load_negatives(&path, &options).unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, DataError::NoNegatives { rows: 2, .. }), "{said}");
    assert!(said.contains("0.6") && said.contains("0.5") && said.contains("scores.csv"), "{said}");
    assert!(error.hint().is_some_and(|hint| hint.contains("threshold")));
}

#[test]
fn a_file_without_scores_says_so_without_infinities() {
    let (_dir, path) = file(&format!("{HEADER}p,a,\n"));
    let said = load_negatives(&path, &LoadOptions::default()).unwrap_err().to_string();
    assert!(!said.contains("inf") && said.contains("scores.csv"), "{said}");
}

#[test]
fn complaints_name_line_and_column() {
    let head = format!("# c,,\n{HEADER}p,a,1\n");
    assert_eq!(complaint(&format!("{head}q,b,high\n")), ":4: field `human_score` is `high`; expected a number");
    assert_eq!(complaint(&format!("{head}q,b,NaN\n")), ":4: field `human_score` is `NaN`; expected a number");
    assert_eq!(complaint(&format!("{head} ,b,1\n")), ":4: field `objective` is empty; expected a text");
    assert_eq!(
        complaint(&format!("{head}\n\"q\nr\",,1\n")),
        ":5: field `assistant_response` is empty; expected a text"
    );
}

#[test]
fn a_missing_column_is_named_on_the_headers_line() {
    for (header, missing) in [
        ("prompt,assistant_response,human_score", "objective"),
        ("objective,response,human_score", "assistant_response"),
        ("objective,assistant_response,score", "human_score"),
        ("objective,assistant_response,human_score_type", "human_score"),
    ] {
        let said = complaint(&format!("# c\n\n{header}\np,a,1\n"));
        assert!(said.starts_with(&format!(":3: field `{missing}` ")), "{said}");
    }
}

#[test]
fn a_row_that_is_cut_is_never_taken_for_one_without_a_score() {
    let said = complaint(&format!("{HEADER}p,a,1\nq,b"));
    assert!(said.starts_with(":3: "), "{said}");
    let said = complaint(&format!("{HEADER}p,a,1\nq,\"b\nc"));
    assert!(said.starts_with(":3: "), "{said}");
    let said = complaint(&format!("{HEADER}p,a, with a comma,1\n"));
    assert!(said.starts_with(":2: "), "{said}");
}

#[test]
fn text_that_is_not_utf8_is_an_error_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("latin.csv");
    fs::write(&path, [HEADER.as_bytes(), b"p,a,1\nq,caf\xe9,1\n"].concat()).unwrap();
    let said = load_labelled(&path).unwrap_err().to_string();
    assert!(said.contains("latin.csv:3: "), "{said}");
}

#[test]
fn an_empty_file_is_an_error() {
    assert!(complaint("").contains("objective"));
    assert!(complaint("# only a comment\n").contains("objective"));
}

#[test]
fn a_quote_that_is_never_closed_is_an_error_where_its_record_begins() {
    // The answer comes last, so all cells are there.
    let header = "human_score,objective,assistant_response\n";
    let expected = ":3: a quoted field is never closed; expected a closing quote before the end of the file";
    for end in ["", "\n", "\nand more\n\n"] {
        assert_eq!(complaint(&format!("{header}1,p,a\n1,q,\"half{end}")), expected);
    }
    let said = complaint(&format!("{header}1,p,a\n\n\""));
    assert!(said.starts_with(":4: a quoted field is never closed"), "{said}");
    // Closed by the last byte of the file.
    assert_eq!(scores(&format!("{header}1,p,\"two\nlines\"")), [(1.0, 2)]);
}

#[test]
fn reading_goes_on_behind_a_record_that_is_not_utf8() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("latin.csv");
    fs::write(&path, [HEADER.as_bytes(), b"\"a\nb\",caf\xe9,1\n  \nq,c,1\n"].concat()).unwrap();
    let rows = d2o_data::read_negatives(&path, &LoadOptions::default()).unwrap();
    let found: Vec<Result<usize, String>> =
        rows.map(|row| row.map(|row| row.place.line).map_err(|error| error.to_string())).collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].as_ref().unwrap_err().contains("latin.csv:2: invalid utf-8"), "{found:?}");
    assert_eq!(found[1], Ok(5));
}
