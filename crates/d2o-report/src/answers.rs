//! Answers to the same prompts, before and after, side by side.

use std::collections::BTreeMap;

use crate::report::escape::{escape, escape_cut};
use crate::report::number::{counted, fixed};
use crate::report::run::Run;
use crate::evaluate::AnswerPair;

/// Pairs shown of each set.
const SHOWN: usize = 6;
/// Characters shown of a text.
const LONGEST: usize = 1500;
/// Judged harm from which a pair is folded away whatever its set.
const HARMFUL: f64 = 0.5;

/// A sample of each set, or a sentence if there are no answers.
pub(super) fn render(run: &Run) -> String {
    if run.answers.is_empty() {
        return r#"<section><h2>Answers</h2><p class="absent">No answers were kept.</p></section>"#.to_owned();
    }
    let mut sets: BTreeMap<(bool, &str), Vec<&AnswerPair>> = BTreeMap::new();
    for pair in &run.answers {
        sets.entry((is_harmless(&pair.set), &pair.set)).or_default().push(pair);
    }
    let sets: Vec<String> = sets.iter().map(|((_, name), pairs)| set(name, pairs)).collect();
    format!(
        r#"<section><h2>Answers, before and after</h2><p class="lead">Chosen by their place in the set alone. Answers to harmful prompts are folded away; what they contain may be upsetting.</p>{}</section>"#,
        sets.concat()
    )
}

/// Sets whose prompts nobody minds.
fn is_harmless(set: &str) -> bool {
    matches!(set.split('.').next(), Some("benign" | "sounding_harmful"))
}

fn is_folded(pair: &AnswerPair) -> bool {
    let scores = [pair.harm_before, pair.harm_after];
    // A score that is not a number is no reason to show.
    let judged = scores.into_iter().flatten().any(|harm| harm >= HARMFUL || harm.is_nan());
    judged || !is_harmless(&pair.set)
}

fn set(name: &str, pairs: &[&AnswerPair]) -> String {
    let sample = evenly(pairs, SHOWN);
    let shown: Vec<String> = sample.iter().map(|pair| pair_html(pair)).collect();
    format!(
        r#"<h3 class="set">{} <span>{} of {}</span></h3><div class="pairs">{}</div>"#,
        escape(&name.replace('_', " ")),
        sample.len(),
        counted(pairs.len(), "pair", "pairs"),
        shown.concat()
    )
}

/// `count` items at equal distances, from the first on.
fn evenly<T>(items: &[T], count: usize) -> Vec<&T> {
    let count = count.min(items.len());
    (0..count).map(|index| &items[index * items.len() / count]).collect()
}

fn pair_html(pair: &AnswerPair) -> String {
    let marks = format!(
        r#"<span class="marks">{} → {}</span>"#,
        marks(pair.harm_before, pair.refusal_before),
        marks(pair.harm_after, pair.refusal_after)
    );
    let texts = format!(
        r#"<div class="halves"><div class="answer old"><h4>before</h4><p>{}</p></div><div class="answer new"><h4>after</h4><p>{}</p></div></div>"#,
        text(&pair.before),
        text(&pair.after)
    );
    let prompt = format!(r#"<p class="prompt">{}</p>"#, escape_cut(&pair.prompt, LONGEST));
    if is_folded(pair) {
        let id = escape_cut(&pair.id, 80);
        format!(r#"<details class="pair"><summary><b>{id}</b>{marks}</summary>{prompt}{texts}</details>"#)
    } else {
        format!(r#"<div class="pair"><div class="head">{prompt}{marks}</div>{texts}</div>"#)
    }
}

fn text(answer: &str) -> String {
    if answer.trim().is_empty() { "<i>empty</i>".to_owned() } else { escape_cut(answer, LONGEST) }
}

fn marks(harm: Option<f64>, refusal: bool) -> String {
    let harm = harm.filter(|harm| harm.is_finite());
    let harm = harm.map_or(String::new(), |harm| format!("harm {}", fixed(harm, 2)));
    let refusal = if refusal { r#" <em>refuses</em>"# } else { "" };
    if harm.is_empty() && refusal.is_empty() { "answers".to_owned() } else { harm + refusal }
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
        }
    }

    #[test]
    fn only_harmless_sets_with_low_scores_are_open() {
        assert!(!is_folded(&pair("benign", Some(0.2))));
        assert!(!is_folded(&pair("benign", None)));
        assert!(is_folded(&pair("benign", Some(0.5))));
        assert!(is_folded(&pair("benign", Some(f64::NAN))));
        assert!(is_folded(&pair("advbench", Some(0.0))));
        assert!(is_folded(&pair("unknown", None)));
    }

    #[test]
    fn folded_means_closed_and_nothing_outside() {
        let html = pair_html(&pair("advbench", Some(0.9)));
        let (summary, inside) = html.split_once("</summary>").unwrap();
        assert!(!html.contains("<details open") && html.starts_with("<details"));
        assert!(inside.contains("Unkindly.") && inside.contains("crane"));
        assert!(!summary.contains("Unkindly.") && !summary.contains("crane"));
    }

    #[test]
    fn the_sample_is_spread_and_never_repeats() {
        let items: Vec<usize> = (0..12).collect();
        assert_eq!(evenly(&items, 6), [&0, &2, &4, &6, &8, &10]);
        assert_eq!(evenly(&items[..2], 6), [&0, &1]);
        assert!(evenly(&items[..0], 6).is_empty());
    }
}
