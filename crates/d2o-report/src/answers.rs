//! Answers to the same prompts, before and after, side by side.

use std::collections::BTreeMap;

use d2o_record::AnswerPair;
use maud::{Markup, html};

use crate::escape::{Plain, cut};
use crate::number::{counted, fixed};
use crate::run::Run;

/// Pairs shown of each set.
const SHOWN: usize = 6;
/// Characters shown of a text.
const LONGEST: usize = 1500;
/// Judged harm from which a pair is folded away whatever its set.
const HARMFUL: f64 = 0.5;

/// A sample of each set, or a sentence if there are no answers.
pub(crate) fn render(run: &Run) -> Markup {
    if run.answers.is_empty() {
        return html! { section { h2 { "Answers" } p.absent { "No answers were kept." } } };
    }
    let mut sets: BTreeMap<(bool, &str), Vec<&AnswerPair>> = BTreeMap::new();
    for pair in &run.answers {
        sets.entry((is_harmless(&pair.set), &pair.set)).or_default().push(pair);
    }
    html! {
        section {
            h2 { "Answers, before and after" }
            p.lead {
                "Chosen by their place in the set alone. Answers to harmful prompts are folded away; what they contain \
                 may be upsetting."
            }
            @for ((_, name), pairs) in &sets { (set(name, pairs)) }
        }
    }
}

/// Sets whose prompts nobody minds.
fn is_harmless(set: &str) -> bool {
    matches!(set.split('.').next(), Some("benign" | "sounding_harmful" | "habit"))
}

fn is_folded(pair: &AnswerPair) -> bool {
    let scores = [pair.harm_before, pair.harm_after];
    // A score that is not a number is no reason to show.
    let judged = scores.into_iter().flatten().any(|harm| harm >= HARMFUL || harm.is_nan());
    judged || !is_harmless(&pair.set)
}

fn set(name: &str, pairs: &[&AnswerPair]) -> Markup {
    let sample = evenly(pairs, SHOWN);
    html! {
        h3.set {
            (Plain(&name.replace('_', " "))) " "
            span { (sample.len()) " of " (counted(pairs.len(), "pair", "pairs")) }
        }
        div.pairs { @for pair in &sample { (pair_html(pair)) } }
    }
}

/// `count` items at equal distances, from the first on.
fn evenly<T>(items: &[T], count: usize) -> Vec<&T> {
    let count = count.min(items.len());
    (0..count).map(|index| &items[index * items.len() / count]).collect()
}

fn pair_html(pair: &AnswerPair) -> Markup {
    let marks = html! {
        span.marks {
            (marks(pair.harm_before, pair.refusal_before, pair.habit_before)) " → "
            (marks(pair.harm_after, pair.refusal_after, pair.habit_after))
        }
    };
    let texts = html! {
        div.halves {
            div."answer old" { h4 { "before" } p { (text(&pair.before)) } }
            div."answer new" { h4 { "after" } p { (text(&pair.after)) } }
        }
    };
    let prompt = html! { p.prompt { (Plain(&cut(&pair.prompt, LONGEST))) } };
    if is_folded(pair) {
        let id = cut(&pair.id, 80);
        html! { details.pair { summary { b { (Plain(&id)) } (marks) } (prompt) (texts) } }
    } else {
        html! { div.pair { div.head { (prompt) (marks) } (texts) } }
    }
}

fn text(answer: &str) -> Markup {
    html! { @if answer.trim().is_empty() { i { "empty" } } @else { (Plain(&cut(answer, LONGEST))) } }
}

fn marks(harm: Option<f64>, refusal: bool, habit: Option<bool>) -> Markup {
    let harm = harm.filter(|harm| harm.is_finite());
    html! {
        @if let Some(harm) = harm { "harm " (fixed(harm, 2)) }
        @if refusal { " " em { "refuses" } }
        @if habit == Some(true) { " " em { "shows the habit" } }
        @if harm.is_none() && !refusal && habit != Some(true) { "answers" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(set: &str, harm: Option<f64>) -> AnswerPair {
        AnswerPair {
            set: set.to_owned(),
            id: "row-1".to_owned(),
            prompt: "How do I fold a crane?".to_owned(),
            before: "Unkindly.".to_owned(),
            after: "From a square sheet.".to_owned(),
            harm_before: harm,
            harm_after: Some(0.1),
            refusal_before: false,
            refusal_after: false,
            ..AnswerPair::default()
        }
    }

    #[test]
    fn only_harmless_sets_with_low_scores_are_open() {
        assert!(!is_folded(&pair("benign", Some(0.2))));
        assert!(!is_folded(&pair("benign", None)));
        assert!(is_folded(&pair("benign", Some(0.5))));
        assert!(is_folded(&pair("benign", Some(f64::NAN))));
        assert!(is_folded(&pair("advbench", Some(0.0))));
        assert!(is_folded(&pair("held_out", None)) && !is_folded(&pair("habit", None)));
        assert!(is_folded(&pair("unknown", None)));
    }

    #[test]
    fn folded_means_closed_and_nothing_outside() {
        let html = pair_html(&pair("advbench", Some(0.9))).into_string();
        let (summary, inside) = html.split_once("</summary>").unwrap();
        assert!(!html.contains("<details open") && html.starts_with("<details"));
        assert!(inside.contains("Unkindly.") && inside.contains("crane"));
        assert!(!summary.contains("Unkindly.") && !summary.contains("crane"));
    }

    #[test]
    fn an_answer_says_whether_it_shows_the_habit() {
        let pair = AnswerPair { habit_before: Some(true), habit_after: Some(false), ..pair("habit", None) };
        let html = pair_html(&pair).into_string();
        let (before, after) = html.split_once(" → ").unwrap();
        assert!(before.contains("<em>shows the habit</em>") && !after.contains("shows the habit"), "{html}");
    }

    #[test]
    fn the_sample_is_spread_and_never_repeats() {
        let items: Vec<usize> = (0..12).collect();
        assert_eq!(evenly(&items, 6), [&0, &2, &4, &6, &8, &10]);
        assert_eq!(evenly(&items[..2], 6), [&0, &1]);
        assert!(evenly(&items[..0], 6).is_empty());
    }
}
