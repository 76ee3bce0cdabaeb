//! Folds that keep all answers to one prompt together.

use std::collections::BTreeMap;

use crate::error::EvalError;
use crate::random::{below, seeded};

/// Numbers group keys by first appearance; case and white space around them do not matter.
pub(super) fn number_groups<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<usize> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    keys.map(|key| {
        let next = numbers.len();
        *numbers.entry(key.trim().to_lowercase()).or_insert(next)
    })
    .collect()
}

/// The fold of each row: groups in random order, each into the fold that is smallest so far.
pub(super) fn assign(judge: &str, groups: &[usize], folds: usize, seed: u64) -> Result<Vec<usize>, EvalError> {
    let count = groups.iter().max().map_or(0, |last| last + 1);
    if count < folds {
        return Err(EvalError::TooFewGroups { judge: judge.to_owned(), folds, groups: count });
    }
    let mut sizes = vec![0; count];
    groups.iter().for_each(|&group| sizes[group] += 1);
    let mut order = shuffled(count, seed);
    // Large groups first, so that the small ones even the folds out.
    order.sort_by_key(|&group| std::cmp::Reverse(sizes[group]));
    let (mut fold_of_group, mut filled) = (vec![0; count], vec![0; folds]);
    for group in order {
        let fold = (0..folds).min_by_key(|&fold| filled[fold]).unwrap_or_default();
        fold_of_group[group] = fold;
        filled[fold] += sizes[group];
    }
    Ok(groups.iter().map(|&group| fold_of_group[group]).collect())
}

/// `0..count` in random order (Fisher and Yates).
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut random = seeded(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, below(&mut random, last + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_group_is_split_and_folds_are_even() {
        for seed in 0..20 {
            // Groups of 1 to 5 rows, 90 rows in all.
            let groups: Vec<usize> = (0..30).flat_map(|group| vec![group; 1 + group % 5]).collect();
            let folds = assign("words", &groups, 5, seed).unwrap();
            let mut fold_of_group = BTreeMap::new();
            for (&group, &fold) in groups.iter().zip(&folds) {
                assert_eq!(*fold_of_group.entry(group).or_insert(fold), fold);
            }
            let sizes: Vec<usize> = (0..5).map(|fold| folds.iter().filter(|&&of| of == fold).count()).collect();
            assert_eq!(sizes, [18; 5]);
        }
    }

    #[test]
    fn the_seed_decides() {
        let groups: Vec<usize> = (0..50).collect();
        assert_eq!(assign("words", &groups, 5, 1).unwrap(), assign("words", &groups, 5, 1).unwrap());
        assert_ne!(assign("words", &groups, 5, 1).unwrap(), assign("words", &groups, 5, 2).unwrap());
        let error = assign("words", &groups[..4], 5, 1).unwrap_err();
        assert_eq!(error.to_string(), "judge `words`: field `folds` is 5, but the examples have 4 prompts");
    }

    #[test]
    fn keys_that_differ_in_case_only_are_one_group() {
        let keys = ["Why?", "what?", " why? ", "what?"].map(str::to_owned);
        assert_eq!(number_groups(keys.iter()), [0, 1, 0, 1]);
    }
}
