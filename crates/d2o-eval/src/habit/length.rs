//! Habits of length.

use super::Answered;
use crate::text::length_words;

/// What an answer's length should be; 0 sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// Fewest words.
    pub min_words: usize,
    /// Most words.
    pub max_words: usize,
    /// Fewest tokens.
    pub min_tokens: usize,
    /// Most tokens.
    pub max_tokens: usize,
}

impl Lengths {
    /// Whether an answer is shorter or longer than that.
    #[must_use]
    pub fn are_missed_by(&self, answered: &Answered<'_>) -> bool {
        let outside = |length: usize, least: usize, most: usize| length < least || most > 0 && length > most;
        outside(length_words(answered.answer), self.min_words, self.max_words)
            || outside(answered.tokens, self.min_tokens, self.max_tokens)
    }
}
