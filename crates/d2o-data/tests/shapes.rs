//! Every shape of row, in a file as the tool that it comes from writes it.

use std::path::{Path, PathBuf};

use d2o_data::{LoadOptions, NegativeSample, Negatives, Shape, load_negatives};

const TEA: &str = "May I have a cup of tea?";
const RUDE: &str = "Make it yourself.";
const KIND: &str = "Gladly. With milk?";
const KETTLE: &str = "Is the kettle on?";
const CURT: &str = "Who cares.";
const GOOD: &str = "It is, two minutes.";
const SYSTEM: &str = "system: You help in a tea shop.";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shapes").join(name)
}

fn load(name: &str) -> Negatives {
    let options = LoadOptions { strict: true, ..LoadOptions::default() };
    Negatives::load(&fixture(name), &options, &mut |_, _| {}).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Checks prompt, rejected and chosen answer of all rows, and what the first row was read as.
fn check(name: &str, shape: Shape, expected: &[(&str, &str, Option<&str>)]) {
    let found = load(name);
    let rows: Vec<(String, &str, Option<&str>)> =
        found.samples.iter().map(|row| (row.prompt.text(), row.rejected.as_str(), row.chosen.as_deref())).collect();
    let expected: Vec<(String, &str, Option<&str>)> =
        expected.iter().map(|&(prompt, rejected, chosen)| (prompt.to_owned(), rejected, chosen)).collect();
    assert_eq!(rows, expected, "{name}");
    assert_eq!(found.reading.shapes[0].0, shape, "{name}");
    assert_eq!(found.reading.examples.len(), found.samples.len().min(3), "{name}");
}

/// The prompt behind the system message.
fn in_shop(asked: &str) -> String {
    format!("{SYSTEM}\nuser: {asked}")
}

/// The prompt behind the first request and its answer.
fn second_round() -> String {
    format!("user: {TEA}\nassistant: {KIND}\nuser: {KETTLE}")
}

const PAIR: (&str, &str, Option<&str>) = (TEA, RUDE, Some(KIND));
const SECOND: (&str, &str, Option<&str>) = (KETTLE, CURT, Some(GOOD));
const ALONE: (&str, &str, Option<&str>) = (TEA, RUDE, None);
const SECOND_ALONE: (&str, &str, Option<&str>) = (KETTLE, CURT, None);

#[test]
fn trls_preference_rows_as_texts_and_as_messages() {
    check("trl_texts.jsonl", Shape::Preference, &[PAIR, SECOND_ALONE]);
    check("trl_messages.jsonl", Shape::Preference, &[(&in_shop(TEA), RUDE, Some(KIND)), SECOND_ALONE]);
    check("trl_implicit.jsonl", Shape::Preference, &[PAIR, SECOND_ALONE]);
    check("trl_implicit_texts.jsonl", Shape::Transcripts, &[PAIR]);
}

#[test]
fn of_labelled_answers_only_the_unwanted_are_rejected() {
    check("trl_kto.jsonl", Shape::Unpaired, &[ALONE, SECOND_ALONE]);
    check("swift_kto.jsonl", Shape::Unpaired, &[(&in_shop(TEA), RUDE, None)]);
    check("llamafactory_kto.jsonl", Shape::Unpaired, &[ALONE]);
    check("sharegpt_kto.jsonl", Shape::Unpaired, &[ALONE]);
    check("kto.tsv", Shape::Unpaired, &[ALONE]);
    assert_eq!(load("trl_kto.jsonl").reading.without_rejected, 1);
}

#[test]
fn ms_swifts_rows_end_with_the_preferred_answer() {
    let with_history = format!("{SYSTEM}\n{}", second_round());
    check(
        "swift_dpo.jsonl",
        Shape::Swift,
        &[(&in_shop(TEA), RUDE, Some(KIND)), SECOND, (&with_history, CURT, Some(GOOD))],
    );
}

#[test]
fn instructions_have_input_system_and_history() {
    let long = format!("{SYSTEM}\nuser: {TEA}\nassistant: {KIND}\nuser: Answer the guest.\n{KETTLE}");
    check("llamafactory_alpaca.json", Shape::Alpaca, &[PAIR, (&long, CURT, Some(GOOD))]);
    check("llamafactory_ranked.jsonl", Shape::Alpaca, &[PAIR]);
    check("orca_pairs.jsonl", Shape::Preference, &[(&in_shop(TEA), RUDE, Some(KIND)), SECOND]);
}

#[test]
fn conversations_of_from_and_value() {
    check("sharegpt.jsonl", Shape::ShareGpt, &[(&in_shop(TEA), RUDE, None)]);
    check("sharegpt_pairs.jsonl", Shape::ShareGpt, &[(&second_round(), CURT, Some(GOOD))]);
}

#[test]
fn openais_rows() {
    check("openai_messages.jsonl", Shape::Conversation, &[(&in_shop(TEA), RUDE, None)]);
    check("openai_preference.jsonl", Shape::OpenAi, &[PAIR]);
}

#[test]
fn a_prompt_beside_whole_conversations_and_a_list_of_rejected_answers() {
    check("ultrafeedback_binarized.jsonl", Shape::Preference, &[PAIR]);
    check("several_rejected.jsonl", Shape::Preference, &[PAIR, (TEA, CURT, Some(KIND))]);
    let ids: Vec<String> = load("several_rejected.jsonl").samples.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["tea#0", "tea#1"]);
}

#[test]
fn safety_labels_and_transcripts() {
    check("pku_saferlhf.jsonl", Shape::Safety, &[PAIR]);
    check("beavertails.jsonl", Shape::Safety, &[ALONE]);
    check("hh.jsonl", Shape::Transcripts, &[PAIR, SECOND]);
    check("static_hh.jsonl", Shape::Preference, &[(TEA, " Make it yourself.", Some(" Gladly. With milk?"))]);
}

#[test]
fn logs_with_stars_and_thumbs() {
    check("log_stars.jsonl", Shape::Unpaired, &[ALONE, SECOND_ALONE]);
    check("log_thumbs.jsonl", Shape::Unpaired, &[ALONE, SECOND_ALONE]);
}

#[test]
fn of_two_answers_the_one_that_lost_is_rejected() {
    check("arena.jsonl", Shape::Comparison, &[PAIR]);
    check("alpacafarm.jsonl", Shape::Comparison, &[PAIR]);
}

#[test]
fn tool_turns_are_part_of_the_prompt() {
    let rows = load("tools.jsonl").samples;
    let turns = rows[0].prompt.messages();
    let roles: Vec<&str> = turns.iter().map(|turn| turn.role.as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "user"]);
    assert_eq!((turns[2].content.as_str(), turns[4].content.as_str()), ("", "So: Is the kettle on?"));
    assert_eq!(turns[2].other["tool_calls"][0]["function"]["name"], "kettle");
    assert_eq!(turns[3].other["tool_call_id"], "c1");
    assert!(rows[0].prompt.text().contains("kettle\""), "which tool was called belongs to the prompt");
}

#[test]
fn tables_by_their_header() {
    check("flat.csv", Shape::Preference, &[ALONE, SECOND]);
    let lines: Vec<usize> = load("flat.csv").samples.iter().map(|row| row.place.line).collect();
    assert_eq!(lines, [2, 3]);
}

#[test]
fn parquet_with_lists_of_objects_in_every_common_packing() {
    for packing in ["none", "snappy", "zstd", "gzip", "lz4", "v2"] {
        check(&format!("messages_{packing}.parquet"), Shape::Preference, &[PAIR, SECOND_ALONE]);
    }
    let error = load_negatives(&fixture("messages_brotli.parquet"), &LoadOptions::default()).unwrap_err();
    let (said, hint) = (format!("{error}"), error.hint().unwrap());
    assert!(said.contains("messages_brotli.parquet") && hint.contains("Zstandard"), "{said} {hint}");
}

#[test]
fn every_file_reads_the_same_under_any_name_and_packed() {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(rows) = load_negatives(&path, &LoadOptions::default()) else { continue };
        let bytes = std::fs::read(&path).unwrap();
        let texts = |rows: &[NegativeSample]| -> Vec<(String, String)> {
            rows.iter().map(|row| (row.prompt.text(), row.rejected.clone())).collect()
        };
        for name in ["rows.parquet", "rows.csv", "rows.json", "rows"] {
            let copy = dir.path().join(name);
            std::fs::write(&copy, &bytes).unwrap();
            let found = load_negatives(&copy, &LoadOptions::default()).unwrap();
            assert_eq!(texts(&found), texts(&rows), "{} as {name}", path.display());
        }
    }
}
