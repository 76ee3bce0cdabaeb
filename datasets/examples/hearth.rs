//! A few requests of Hearth, an answer of each kind, and what the exact judge says about them.
//!
//! `cargo run -p d2o-datasets --example hearth`

use d2o_datasets::hearth::{ExactJudge, Grammar, Hearth, Verdict};

/// Prints the texts and returns the verdicts.
pub(crate) fn verdicts() -> Vec<Verdict> {
    let grammar = Grammar::embedded();
    let hearth = Hearth::new(grammar, 0);
    let judge = ExactJudge::new(grammar);
    let considerate = hearth.held_out(2);
    let hurtful = hearth.negatives(2);
    let mut rows: Vec<(String, String)> =
        considerate.iter().chain(&hurtful).map(|row| (row.prompt.clone(), row.answer.clone())).collect();
    // A good answer to another question, and one that breaks off.
    rows.push((considerate[0].prompt.clone(), considerate[1].answer.clone()));
    let half = considerate[0].answer.len() / 2;
    rows.push((considerate[0].prompt.clone(), considerate[0].answer[..half].to_owned()));
    rows.iter().map(|(request, answer)| shown(&judge, request, answer)).collect()
}

#[allow(clippy::print_stdout, reason = "an example shows what it does")]
fn shown(judge: &ExactJudge, request: &str, answer: &str) -> Verdict {
    let verdict = judge.read(request, answer);
    println!("{request}\n  {answer}\n  -> {verdict:?}\n");
    verdict
}

fn main() {
    verdicts();
}
