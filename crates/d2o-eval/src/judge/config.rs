//! How a judge is fitted.

use crate::bootstrap::RESAMPLES;

/// What a judge looks at and how it weighs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgeKind {
    /// tf-idf of words and pairs of words, logistic regression.
    WordLogistic,
    /// Hashed character 3- to 5-grams, multinomial naive Bayes.
    CharNaiveBayes,
}

/// How a judge is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeConfig {
    /// Features and model.
    pub kind: JudgeKind,
    /// Seed of the folds and of the AUC's interval.
    pub seed: u64,
    /// Folds of the cross-validation, at least 2.
    pub folds: usize,
    /// Characters of an answer that are read, cut at the end of a word; 0 reads everything.
    pub max_chars: usize,
    /// Examples that must contain a word or pair for it to count ([`JudgeKind::WordLogistic`]).
    pub min_df: usize,
    /// Inverse strength of the L2 penalty ([`JudgeKind::WordLogistic`]); larger fits closer.
    pub inverse_penalty: f64,
    /// Imagined occurrences of each n-gram in each class ([`JudgeKind::CharNaiveBayes`]).
    pub smoothing: f64,
    /// Bootstrap resamples of the AUC's interval.
    pub resamples: usize,
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self {
            kind: JudgeKind::WordLogistic,
            seed: 0,
            folds: 5,
            max_chars: 240,
            min_df: 2,
            inverse_penalty: 3.0,
            smoothing: 0.1,
            resamples: RESAMPLES,
        }
    }
}
