//! Words and n-grams: whether answers still are varied texts.

use std::collections::{BTreeMap, BTreeSet};

/// Words of an n-gram in [`repetition_rate`]: long enough that natural answers of a few sentences
/// rarely repeat one.
const REPEATED: usize = 4;

/// The lower-case words of a text: runs of letters and digits, apostrophes within a word included
/// and curly ones made straight.
pub fn words(text: &str) -> Vec<String> {
    let lower = text.replace(['\u{2018}', '\u{2019}', '\u{2bc}'], "'").to_lowercase();
    let pieces = lower.split(|c: char| !c.is_alphanumeric() && c != '\'');
    pieces.map(|piece| piece.trim_matches('\'')).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

/// Length in words.
pub fn length_words(text: &str) -> usize {
    words(text).len()
}

/// Different n-grams of words over all n-grams, in all texts together: 1 if nothing is ever said
/// twice, near 0 if all answers are the same (Li et al., NAACL 2016). NaN if there are no n-grams.
///
/// # Panics
/// If `n` is zero.
pub fn distinct_n<T: AsRef<str>>(texts: &[T], n: usize) -> f64 {
    let (sum, count) = distinct_shares(texts, n).iter().fold((0.0, 0), |(s, c), (share, grams)| (s + share, c + grams));
    sum / count as f64
}

/// What each text brings to [`distinct_n`], and its number of n-grams. An n-gram that occurs `c`
/// times in all texts counts `1 / c` at each place, so that the sums' ratio is `distinct_n`, and
/// [`ratio_interval`](crate::bootstrap::ratio_interval) over texts is its interval.
///
/// # Panics
/// If `n` is zero.
pub fn distinct_shares<T: AsRef<str>>(texts: &[T], n: usize) -> Vec<(f64, usize)> {
    let texts: Vec<Vec<String>> = texts.iter().map(|text| words(text.as_ref())).collect();
    let mut counts: BTreeMap<&[String], usize> = BTreeMap::new();
    for gram in texts.iter().flat_map(|words| words.windows(n)) {
        *counts.entry(gram).or_default() += 1;
    }
    let share = |words: &Vec<String>| {
        let sum = words.windows(n).map(|gram| 1.0 / counts[gram] as f64).sum();
        (sum, words.windows(n).len())
    };
    texts.iter().map(share).collect()
}

/// Share of a text's four-word sequences that it has already used: 0 for most natural answers,
/// near 1 for a loop. 0 for texts shorter than four words.
pub fn repetition_rate(text: &str) -> f64 {
    let words = words(text);
    let grams = words.windows(REPEATED);
    let total = grams.len();
    if total == 0 {
        return 0.0;
    }
    let distinct: BTreeSet<&[String]> = grams.collect();
    1.0 - distinct.len() as f64 / total as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::{Resampling, ratio_interval};

    #[test]
    fn words_of_a_sentence() {
        assert_eq!(
            words("Don\u{2019}t, 'quote' Me: 3.5 cafés\n—ok"),
            ["don't", "quote", "me", "3", "5", "cafés", "ok"]
        );
        assert_eq!(length_words(" -- '' ,"), 0);
    }

    #[test]
    fn distinct_on_worked_examples() {
        // Pairs: the cat, cat sat | the cat, cat ran. Four in all, three different.
        assert!((distinct_n(&["The cat sat.", "the cat ran"], 2) - 0.75).abs() < 1e-12);
        // Words: the, cat, sat, ran are four different ones of six.
        assert!((distinct_n(&["The cat sat.", "the cat ran"], 1) - 4.0 / 6.0).abs() < 1e-12);
        // Eight equal answers of two words: one pair of eight.
        assert!((distinct_n(&["no way"; 8], 2) - 0.125).abs() < 1e-12);
        assert!(distinct_n(&["one"], 2).is_nan());
    }

    #[test]
    fn the_shares_of_texts_add_up() {
        let texts = ["The cat sat.", "the cat ran", "", "a dog sat down"];
        let shares = distinct_shares(&texts, 2);
        // Text 1: `the cat` twice in all, `cat sat` once. Text 4: three pairs of its own.
        assert_eq!(shares, [(1.5, 2), (1.5, 2), (0.0, 0), (3.0, 3)]);
        let estimate = ratio_interval(&shares, Resampling::new(200, 1));
        assert_eq!(estimate.mean, distinct_n(&texts, 2));
        assert!(estimate.low <= estimate.mean && estimate.mean <= estimate.high && estimate.high <= 1.0);
    }

    #[test]
    fn repetition_on_worked_examples() {
        assert_eq!(repetition_rate("every word here is another one"), 0.0);
        // Six times `la`: three sequences of four, one different, so two of three repeat.
        assert!((repetition_rate("la la la, la la la") - 2.0 / 3.0).abs() < 1e-12);
        // abcd bcda cdab dabc abcd: one of five has been there.
        assert!((repetition_rate("a b c d a b c d") - 0.2).abs() < 1e-12);
        assert_eq!(repetition_rate("la la la"), 0.0);
    }
}
