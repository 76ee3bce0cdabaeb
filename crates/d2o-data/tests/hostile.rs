//! Rows and files that nobody means well with: no panic, a remedy for every refusal, no liked answer among the
//! rejected.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use d2o_data::{DataError, LoadOptions, NegativeSample, Negatives, load_labelled, load_prompts, read_rows};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// Names that rows, turns and verdicts have.
const NAMES: [&str; 40] = [
    "prompt",
    "rejected",
    "chosen",
    "messages",
    "conversations",
    "role",
    "content",
    "from",
    "value",
    "type",
    "text",
    "tool_calls",
    "completion",
    "response",
    "label",
    "kto_tag",
    "instruction",
    "input",
    "output",
    "history",
    "system",
    "is_safe",
    "response_0",
    "response_1",
    "is_response_0_safe",
    "is_response_1_safe",
    "better_response_id",
    "rating",
    "score",
    "feedback",
    "winner",
    "response_a",
    "response_b",
    "preferred_output",
    "non_preferred_output",
    "rejected_response",
    "rejected_messages",
    "user",
    "assistant",
    "id",
];
const TEXTS: [&str; 16] = [
    "",
    " ",
    "a",
    "user",
    "assistant",
    "system",
    "tool",
    "human",
    "gpt",
    "true",
    "down",
    "model_a",
    "text",
    "1",
    "\n\nHuman: a\n\nAssistant: b",
    "Human:\r\nAssistant:",
];

fn value() -> impl Strategy<Value = Value> {
    let turn =
        (select(&TEXTS[..]), select(&TEXTS[..])).prop_map(|(role, content)| json!({"role": role, "content": content}));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..7).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(&TEXTS[..]).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::collection::vec(turn, 0..4).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            fields(inner, 4).prop_map(Value::from),
        ]
    })
}

fn fields(value: impl Strategy<Value = Value>, most: usize) -> impl Strategy<Value = Map<String, Value>> {
    let field = (select(&NAMES[..]), value).prop_map(|(name, value)| (name.to_owned(), value));
    prop::collection::vec(field, 0..=most).prop_map(|fields| fields.into_iter().collect())
}

fn read(text: Vec<u8>) -> Vec<Result<NegativeSample, DataError>> {
    match read_rows(Path::new("rows"), Cursor::new(text), &LoadOptions::default()) {
        Ok(rows) => rows.take(1000).collect(),
        Err(error) => vec![Err(error)],
    }
}

fn check(rows: &[Result<NegativeSample, DataError>]) {
    for row in rows {
        match row {
            Ok(row) => assert!(!row.rejected.trim().is_empty() && !row.prompt.messages().is_empty(), "{row:?}"),
            Err(error) => assert!(!error.to_string().is_empty() && error.hint().is_some(), "{error}"),
        }
    }
}

fn fixtures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shapes");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_row_is_read_or_refused_with_a_remedy(row in fields(value(), 6)) {
        check(&read(Value::from(row).to_string().into_bytes()));
    }

    #[test]
    fn a_row_that_says_its_answer_was_wanted_never_gives_a_rejected_one(
        row in fields(value(), 6),
        field in select(vec!["label", "kto_tag"]),
    ) {
        let mut row = row;
        row.insert(field.to_owned(), true.into());
        let rows = read(Value::from(row.clone()).to_string().into_bytes());
        prop_assert!(rows.iter().all(Result::is_err), "{row:?}: {rows:?}");
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:;\t\n#a-c0-2\\\\-]{0,60}") {
        check(&read(text.into_bytes()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_read_or_refused(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..6),
        length in any::<Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(which.get(&fixtures())).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        std::fs::write(&path, bytes).unwrap();
        if let Err(error) = Negatives::load(&path, &LoadOptions::default(), &mut |_, _| {}) {
            prop_assert!(error.hint().is_some(), "{error}");
        }
        drop((load_labelled(&path), load_prompts(&path)));
    }
}

/// The reader at hand panics on about three of a thousand such files; none of it may come out.
#[test]
fn damaged_parquet_is_read_or_refused() {
    let parquet = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "parquet");
    let files: Vec<Vec<u8>> = fixtures().into_iter().filter(parquet).map(|path| std::fs::read(path).unwrap()).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows");
    // Marsaglia's xorshift: the same files every time.
    let mut state: u64 = 88_172_645_463_325_252;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut refused = 0;
    for _ in 0..4000 {
        let mut bytes = files[draw(files.len())].clone();
        for _ in 0..=draw(4) {
            let at = draw(bytes.len());
            bytes[at] ^= 1 << draw(8);
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Err(error) = Negatives::load(&path, &LoadOptions::default(), &mut |_, _| {}) {
            assert!(error.hint().is_some(), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 1000, "{refused} of 4000 were refused: the damage does not reach the reader");
}
