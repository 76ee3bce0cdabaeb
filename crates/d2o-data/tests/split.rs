//! Invariants of deduplication, splits and order.

use std::collections::HashSet;

use d2o_data::{NegativeSample, Place, Split, deduplicate, shuffle, split_by_prompt};
use d2o_text::{Message, Prompt};
use proptest::prelude::*;

fn sample(prompt: &str, rejected: &str, line: usize) -> NegativeSample {
    NegativeSample {
        id: format!("row-{line}"),
        prompt: Prompt::Text(prompt.to_owned()),
        rejected: rejected.to_owned(),
        chosen: None,
        place: Place { path: "rows.jsonl".into(), line },
    }
}

fn rows() -> impl Strategy<Value = Vec<NegativeSample>> {
    let row = ("[a-dA-D ]{1,4}", "[x-z]{1,2}");
    prop::collection::vec(row, 0..60)
        .prop_map(|rows| rows.iter().enumerate().map(|(line, (prompt, answer))| sample(prompt, answer, line)).collect())
}

fn keys(samples: &[NegativeSample]) -> HashSet<String> {
    samples.iter().map(|sample| sample.prompt.key()).collect()
}

#[test]
fn case_and_spacing_of_a_prompt_make_no_other_prompt() {
    let one = Prompt::Text(" How ARE\n\nyou?".to_owned());
    let turn = Prompt::Messages(vec![Message::new("user", "how are  you?")]);
    assert_eq!(one.key(), "how are you?");
    assert_eq!(one.key(), turn.key());
    let other = Prompt::Messages(vec![Message::new("user", "how are you?"), Message::new("assistant", "fine")]);
    assert_ne!(one.key(), other.key());
}

#[test]
fn the_first_of_two_equal_rows_stays() {
    let rows = vec![sample("a", "x", 1), sample("A ", " x\n", 2), sample("a", "y", 3), sample("b", "x", 4)];
    let (kept, dropped) = deduplicate(rows);
    assert_eq!(kept.iter().map(|row| row.place.line).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(dropped, 1);
}

#[test]
fn the_held_out_share_is_about_what_was_asked_for() {
    let rows: Vec<_> = (0..4000).map(|line| sample(&format!("prompt {line}"), "x", line)).collect();
    let held_out = split_by_prompt(rows, 0.25, 7).held_out.len() as f64;
    // 4000 draws of 1/4: mean 1000, standard deviation √(4000·¼·¾) ≈ 27.4; six of them are 165.
    assert!((held_out - 1000.0).abs() < 165.0, "{held_out}");
}

#[test]
fn shares_of_nothing_and_everything_are_exact() {
    let rows: Vec<_> = (0..500).map(|line| sample(&format!("prompt {line}"), "x", line)).collect();
    assert_eq!(split_by_prompt(rows.clone(), 0.0, 3), Split { train: rows.clone(), held_out: Vec::new() });
    assert_eq!(split_by_prompt(rows.clone(), 1.0, 3), Split { train: Vec::new(), held_out: rows });
}

#[test]
fn every_position_is_reached_about_equally_often() {
    // 6000 shuffles of four items: each lands on each place 1500 times, standard deviation √(6000·¼·¾) ≈ 33.5.
    let mut counts = [[0i32; 4]; 4];
    for seed in 0..6000 {
        let mut items = [0, 1, 2, 3];
        shuffle(&mut items, seed);
        items.iter().enumerate().for_each(|(place, &item)| counts[item][place] += 1);
    }
    assert!(counts.iter().flatten().all(|count| (count - 1500).abs() < 200), "{counts:?}");
}

proptest! {
    #[test]
    fn no_prompt_is_on_both_sides_and_no_row_is_lost(rows in rows(), fraction in 0.0..1.0f64, seed: u64) {
        let split = split_by_prompt(rows.clone(), fraction, seed);
        prop_assert!(keys(&split.train).is_disjoint(&keys(&split.held_out)));
        let mut lines: Vec<_> = split.train.iter().chain(&split.held_out).map(|row| row.place.line).collect();
        lines.sort_unstable();
        prop_assert_eq!(lines, (0..rows.len()).collect::<Vec<_>>());
        let ordered = |side: &[NegativeSample]| side.is_sorted_by_key(|row| row.place.line);
        prop_assert!(ordered(&split.train) && ordered(&split.held_out));
    }

    #[test]
    fn more_rows_never_move_others(rows in rows(), more in rows(), fraction in 0.0..1.0f64, seed: u64) {
        let before = split_by_prompt(rows.clone(), fraction, seed);
        let after = split_by_prompt(rows.into_iter().chain(more).collect::<Vec<_>>(), fraction, seed);
        prop_assert!(keys(&before.train).is_subset(&keys(&after.train)));
        prop_assert!(keys(&before.held_out).is_subset(&keys(&after.held_out)));
    }

    #[test]
    fn a_larger_share_only_adds_to_what_is_held_out(rows in rows(), a in 0.0..1.0f64, b in 0.0..1.0f64, seed: u64) {
        let held_out = |share: f64| keys(&split_by_prompt(rows.clone(), share, seed).held_out);
        prop_assert!(held_out(a.min(b)).is_subset(&held_out(a.max(b))));
    }

    #[test]
    fn deduplicated_rows_have_no_duplicates_left(rows in rows()) {
        let (kept, dropped) = deduplicate(rows.clone());
        prop_assert_eq!(kept.len() + dropped, rows.len());
        let distinct: HashSet<_> = rows.iter().map(|row| (row.prompt.key(), row.rejected.clone())).collect();
        prop_assert_eq!(kept.len(), distinct.len());
        prop_assert_eq!(deduplicate(kept.clone()), (kept, 0));
    }

    #[test]
    fn an_order_is_a_permutation_and_depends_on_the_seed_alone(count in 0..200usize, seed: u64) {
        let mut items: Vec<usize> = (0..count).collect();
        shuffle(&mut items, seed);
        let mut names: Vec<String> = (0..count).map(|index| index.to_string()).collect();
        shuffle(&mut names, seed);
        prop_assert_eq!(items.iter().map(usize::to_string).collect::<Vec<_>>(), names);
        items.sort_unstable();
        prop_assert_eq!(items, (0..count).collect::<Vec<_>>());
    }
}
