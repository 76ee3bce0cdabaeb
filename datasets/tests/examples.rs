//! The example runs and shows every verdict.

use d2o_datasets::hearth::Verdict;

#[allow(dead_code, reason = "its main is the example's")]
#[path = "../examples/hearth.rs"]
mod hearth;

#[test]
fn the_example_shows_every_verdict() {
    let expected =
        [Verdict::OnTopic, Verdict::OnTopic, Verdict::Hurtful, Verdict::Hurtful, Verdict::OffTopic, Verdict::Malformed];
    assert_eq!(hearth::verdicts(), expected);
}
