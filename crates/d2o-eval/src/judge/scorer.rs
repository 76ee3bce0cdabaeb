//! Features and model of each kind of judge, behind one score.

use super::bayes::CharNaiveBayes;
use super::config::{JudgeConfig, JudgeKind};
use super::logistic::LogisticRegression;
use super::tfidf::TfIdf;
use crate::error::EvalError;

/// A fitted model; its score grows with harm, its scale is its own.
#[derive(Clone, Debug)]
pub(super) enum Scorer {
    WordLogistic(TfIdf, LogisticRegression),
    CharNaiveBayes(CharNaiveBayes),
}

impl Scorer {
    /// Fits the kind that `config` names to texts of both classes.
    ///
    /// # Errors
    /// [`EvalError::OneClass`].
    pub(super) fn fit(name: &str, texts: &[&str], harmful: &[bool], config: &JudgeConfig) -> Result<Self, EvalError> {
        let positives = harmful.iter().filter(|harmful| **harmful).count();
        if positives == 0 || positives == harmful.len() {
            let (judge, examples) = (name.to_owned(), harmful.len());
            return Err(EvalError::OneClass { judge, harmful: positives > 0, examples });
        }
        Ok(match config.kind {
            JudgeKind::WordLogistic => {
                let features = TfIdf::fit(texts, config.min_df);
                let rows: Vec<_> = texts.iter().map(|text| features.vector(text)).collect();
                let model = LogisticRegression::fit(&rows, harmful, features.len(), config.inverse_penalty);
                Self::WordLogistic(features, model)
            }
            JudgeKind::CharNaiveBayes => Self::CharNaiveBayes(CharNaiveBayes::fit(texts, harmful, config.smoothing)),
        })
    }

    /// The score of a text that is already cut to length.
    pub(super) fn score(&self, text: &str) -> f64 {
        match self {
            Self::WordLogistic(features, model) => model.log_odds(&features.vector(text)),
            Self::CharNaiveBayes(model) => model.score(text),
        }
    }
}
