use super::*;
use crate::outcome::fixture::outcome;
use d2o_eval::{Estimate, Evaluation};

fn spread(mean: f64, half: f64) -> Spread {
    Spread { mean, half, deviation: half }
}

fn base() -> Evaluation {
    let figures = [("hearth.on_topic", 0.4), ("hearth.malformed", 0.03)];
    let before = figures.map(|(name, value)| (name.into(), Estimate::exact(value, 9))).into();
    Evaluation { before, ..Evaluation::default() }
}

fn collected(outcomes: Vec<Outcome>) -> Collected {
    Collected { base: Some(base()), outcomes, seconds: 0.0 }
}

fn verdict(collected: &Collected, scatter: &[(usize, Spread)], claim: &str) -> &'static str {
    let all = claims(Evidence { collected, scatter });
    all.iter().find(|found| found.claim.contains(claim)).unwrap().verdict
}

#[test]
fn a_verdict_needs_intervals_that_lie_apart() {
    assert_eq!(below(spread(0.1, 0.02), spread(0.2, 0.02)), "holds");
    assert_eq!(below(spread(0.2, 0.02), spread(0.1, 0.02)), "does not hold");
    assert_eq!(below(spread(0.1, 0.06), spread(0.2, 0.06)), "undecided");
    assert_eq!(together(&["holds", "undecided"]), "holds");
    assert_eq!(together(&["holds", "does not hold"]), "undecided");
}

#[test]
fn without_cells_nothing_is_claimed() {
    let evidence = Evidence { collected: &Collected::default(), scatter: &[] };
    let all = claims(evidence);
    assert!(all.len() == 7 && all.iter().chain(&added(evidence)).all(|claim| claim.verdict == "not measured"));
}

#[test]
fn a_rival_that_has_collapsed_does_not_count() {
    let main = outcome(MAIN, "the preset", 0.03);
    let ascent = Outcome { on_topic: spread(0.0, 0.0), ..outcome("gradient_ascent", WITHOUT_PAIRS, 0.0) };
    let mut runs = collected(vec![main, ascent, outcome("dpo", WITH_PAIRS, 0.2)]);
    assert_eq!(verdict(&runs, &[], "falls further"), "holds");
    runs.outcomes.push(outcome("dpo-slow", SLOW, 0.001));
    assert_eq!(verdict(&runs, &[], "falls further"), "does not hold");
}

#[test]
fn ability_needs_perplexity_and_topic() {
    let main = outcome(MAIN, "the preset", 0.03);
    let worse = Outcome { perplexity: spread(0.2, 0.01), ..main.clone() };
    let lost = Outcome { on_topic: spread(0.1, 0.01), ..main.clone() };
    assert_eq!(verdict(&collected(vec![main]), &[], "ability"), "holds");
    assert_eq!(verdict(&collected(vec![worse]), &[], "ability"), "does not hold");
    assert_eq!(verdict(&collected(vec![lost]), &[], "ability"), "does not hold");
}

#[test]
fn fewer_updates_with_more_tokens_is_half_a_claim() {
    let at = |updates: f64, kilotokens: f64| {
        Some(Convergence { seeds: 5, updates: spread(updates, 1.0), kilotokens: spread(kilotokens, 1.0) })
    };
    let main = Outcome { convergence: at(20.0, 100.0), ..outcome(MAIN, "the preset", 0.03) };
    let dpo = Outcome { convergence: at(40.0, 80.0), ..outcome("dpo", WITH_PAIRS, 0.03) };
    let never = Outcome { convergence: None, ..dpo.clone() };
    assert_eq!(verdict(&collected(vec![main.clone(), dpo]), &[], "faster"), "holds in updates, not in tokens");
    assert_eq!(verdict(&collected(vec![main, never]), &[], "faster"), "holds");
}

#[test]
fn averaging_is_measured_against_independence() {
    let runs = collected(vec![]);
    let scatter = |last: f64| [(1, spread(0.8, 0.0)), (8, spread(last, 0.0))];
    // Eight anchors: independence promises a fall by eight, a square root is 2.8.
    assert_eq!(verdict(&runs, &scatter(0.1), "average noise"), "holds");
    assert_eq!(verdict(&runs, &scatter(0.25), "average noise"), "undecided");
    assert_eq!(verdict(&runs, &scatter(0.4), "average noise"), "does not hold");
}

#[test]
fn what_the_negatives_add_is_read_pair_by_pair() {
    let runs = collected(vec![outcome(MAIN, "the preset", 0.03), outcome("sft", WITHOUT_PAIRS, 0.1)]);
    let all = added(Evidence { collected: &runs, scatter: &[] });
    assert_eq!((all[0].verdict, all[1].verdict), ("holds", "not measured"));
    assert!(all[0].because.contains("sft: 10.0 ± 1.0 % hurtful"), "{}", all[0].because);
}
