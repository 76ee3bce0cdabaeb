//! Hearth's exact judge against two hundred texts that were labelled by hand.

use d2o_datasets::hearth::{ExactJudge, Grammar, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    prompt: String,
    response: String,
    verdict: String,
}

#[test]
fn the_judge_agrees_with_two_hundred_labels() {
    let rows: Vec<Row> =
        include_str!("../hearth/golden.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 200);
    let judge = ExactJudge::new(Grammar::embedded());
    for (name, verdict) in [
        ("on_topic", Verdict::OnTopic),
        ("off_topic", Verdict::OffTopic),
        ("hurtful", Verdict::Hurtful),
        ("malformed", Verdict::Malformed),
    ] {
        let labelled: Vec<&Row> = rows.iter().filter(|row| row.verdict == name).collect();
        assert_eq!(labelled.len(), 50, "{name}");
        for Row { id, prompt, response, .. } in labelled {
            assert_eq!(judge.read(prompt, response), verdict, "{id}: {prompt} / {response}");
        }
    }
}
