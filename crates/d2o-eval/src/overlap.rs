//! Evaluation prompts that training has seen, word for word or nearly so.

use std::collections::{BTreeMap, BTreeSet};

use crate::text::words;

/// Jaccard similarity of two prompts' words from which one counts as a copy of the other.
pub const NEAR_DUPLICATE: f64 = 0.7;

/// Prompts taken apart by their words, for the search of near copies.
#[derive(Clone, Debug, Default)]
pub struct PromptIndex {
    sets: Vec<BTreeSet<String>>,
    /// Which prompts have a word; prompts without a common word cannot be near copies.
    holders: BTreeMap<String, Vec<usize>>,
    /// Prompts without any word, compared by their text.
    wordless: BTreeSet<String>,
}

impl PromptIndex {
    /// Indexes `prompts`.
    pub fn new<T: AsRef<str>>(prompts: &[T]) -> Self {
        let mut index = Self::default();
        for prompt in prompts {
            let set: BTreeSet<String> = words(prompt.as_ref()).into_iter().collect();
            if set.is_empty() {
                index.wordless.insert(prompt.as_ref().trim().to_owned());
                continue;
            }
            for word in &set {
                index.holders.entry(word.clone()).or_default().push(index.sets.len());
            }
            index.sets.push(set);
        }
        index
    }

    /// Whether `prompt` equals one of the indexed ones but for case, punctuation, order and
    /// repetition of words, or shares at least [`NEAR_DUPLICATE`] of the words that either has:
    /// `|A ∩ B| / |A ∪ B|`.
    pub fn contains_near(&self, prompt: &str) -> bool {
        let set: BTreeSet<String> = words(prompt).into_iter().collect();
        if set.is_empty() {
            return self.wordless.contains(prompt.trim());
        }
        let mut common: BTreeMap<usize, usize> = BTreeMap::new();
        for holder in set.iter().filter_map(|word| self.holders.get(word)).flatten() {
            *common.entry(*holder).or_default() += 1;
        }
        common.into_iter().any(|(other, common)| {
            let either = set.len() + self.sets[other].len() - common;
            common as f64 >= NEAR_DUPLICATE * either as f64
        })
    }
}

/// Splits `prompts` into those that are no near copies of a training prompt and those that are,
/// both in their order.
pub fn remove_overlap<P: AsRef<str>, T: AsRef<str>>(prompts: Vec<P>, training: &[T]) -> (Vec<P>, Vec<P>) {
    let index = PromptIndex::new(training);
    prompts.into_iter().partition(|prompt| !index.contains_near(prompt.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_of_ten_words_are_a_near_copy() {
        let index = PromptIndex::new(&["a b c d e f g h"]);
        // Seven common words of 7 + 8 − 7 + 2 = 10: exactly 0.7.
        assert!(index.contains_near("a b c d e f g x y"));
        // Seven of eleven: 0.64.
        assert!(!index.contains_near("a b c d e f g x y z"));
        // Six of nine: 0.67.
        assert!(!index.contains_near("a b c d e f x"));
    }

    #[test]
    fn case_order_and_punctuation_do_not_hide_a_copy() {
        let training = ["How do I bake bread?", "...", "Name three rivers"];
        let prompts = vec!["BREAD: how do I bake", "Name three mountains", "...", "?", "Bake a cake"];
        let (kept, removed) = remove_overlap(prompts, &training);
        assert_eq!(removed, ["BREAD: how do I bake", "..."]);
        // `name three` of four words is 0.5.
        assert_eq!(kept, ["Name three mountains", "?", "Bake a cake"]);
    }

    #[test]
    fn nothing_overlaps_with_nothing() {
        let (kept, removed) = remove_overlap(vec!["a", ""], &[] as &[&str]);
        assert_eq!((kept, removed), (vec!["a", ""], vec![]));
    }
}
