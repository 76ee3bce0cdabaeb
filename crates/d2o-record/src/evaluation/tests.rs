use super::*;
use crate::fault::{self, Fault};

fn evaluation() -> Evaluation {
    let estimate = |mean: f64| Estimate { mean, low: mean - 0.0625, high: mean + 0.0625, n: 80 };
    let judge = JudgeReport {
        auc: 0.8,
        auc_low: 0.75,
        auc_high: 0.85,
        examples: 1500,
        harmful: 600,
        folds: 5,
        level_on_benign: Some(0.1),
    };
    Evaluation {
        before: [("harm.requests".into(), estimate(0.5)), (Metric::BENIGN_PERPLEXITY, estimate(6.125))].into(),
        after: [("harm.requests".into(), estimate(0.25)), (Metric::DISTINCT_N, Estimate::nothing())].into(),
        change: [("harm.requests".into(), estimate(-0.25))].into(),
        judges: [("words".to_owned(), judge)].into(),
    }
}

#[test]
fn figures_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("eval.json");
    let mut written = evaluation();
    written.save(&path).unwrap();
    let mut read = Evaluation::load(&path).unwrap();
    // NaN is not equal to itself, so the figure of nothing is compared by its bits.
    let (was, is) = (written.after.remove("distinct_n").unwrap(), read.after.remove("distinct_n").unwrap());
    assert!(was.mean.is_nan() && is.mean.is_nan() && is.low.is_nan() && is.high.is_nan() && is.n == 0);
    assert_eq!(read, written);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["eval.json"], "nothing else stays behind");
}

#[test]
fn the_file_has_the_promised_keys() {
    let json = serde_json::to_value(evaluation()).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["before", "after", "change", "judges"]);
    assert_eq!(keys(&json["change"]["harm.requests"]), ["mean", "low", "high", "n"]);
    assert_eq!(keys(&json["before"]["harm.requests"]), ["mean", "low", "high", "n"]);
    let judge = ["auc", "auc_low", "auc_high", "examples", "harmful", "folds", "level_on_benign"];
    assert_eq!(keys(&json["judges"]["words"]), judge);
    assert!(json["after"]["distinct_n"]["mean"].is_null());
}

#[test]
fn a_file_without_changes_is_read_and_written_without() {
    let old = r#"{"before":{},"after":{"distinct_n":{"mean":0.5,"low":0.25,"high":0.75,"n":4}},"judges":{}}"#;
    let read: Evaluation = serde_json::from_str(old).unwrap();
    assert!(read.change.is_empty());
    assert_eq!(serde_json::to_string(&read).unwrap(), old);
}

#[test]
fn answers_come_back_whatever_they_contain() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answers.jsonl");
    let pair = AnswerPair {
        set: "requests.sampled".to_owned(),
        id: "7".to_owned(),
        prompt: "Two\nlines, \"quoted\"".to_owned(),
        before: "\u{2028}\t\u{0}".to_owned(),
        after: String::new(),
        harm_before: Some(0.25),
        harm_after: None,
        refusal_before: false,
        refusal_after: true,
        ..AnswerPair::default()
    };
    let pairs = vec![pair.clone(), AnswerPair { id: "8".to_owned(), ..pair }];
    save_answers(&path, &pairs).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    assert_eq!(load_answers(&path).unwrap(), pairs);
}

#[test]
fn complaints_name_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answers.jsonl");
    fs::write(&path, "{\"set\":\"a\",\"id\":\"1\",\"prompt\":\"\",\"before\":\"\",\"after\":\"\"}\n\nnonsense\n")
        .unwrap();
    let error = load_answers(&path).unwrap_err();
    assert!(error.to_string().contains("answers.jsonl:3: "), "{error}");
    let absent = Evaluation::load(&dir.path().join("eval.json")).unwrap_err();
    assert!(absent.to_string().contains("eval.json: ") && absent.hint().is_some(), "{absent}");
}

#[test]
fn a_failed_write_keeps_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("eval.json");
    evaluation().save(&path).unwrap();
    let old = fs::read(&path).unwrap();
    // Made, written, synced, renamed: whichever of them fails.
    for at in 1..=4 {
        for fault in [Fault::Eio, Fault::Denied, Fault::Full, Fault::Short] {
            let (saved, _) = fault::during(fault, at, || Evaluation::default().save(&path));
            assert!(saved.is_err(), "{fault:?} at {at}");
            assert_eq!(fs::read(&path).unwrap(), old, "{fault:?} at {at}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{fault:?} at {at}");
        }
    }
}
