//! From a score of any scale to a probability.

use super::logistic::{LogisticRegression, sigmoid};

/// Close to no penalty: two parameters need none, but separable scores would run to infinity.
const INVERSE_PENALTY: f64 = 10.0;

/// A logistic curve in the standardised score (Platt, 1999), both classes weighing the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Calibration {
    mean: f64,
    deviation: f64,
    curve: LogisticRegression,
}

impl Calibration {
    /// Fits the curve to scores of rows that their scorers had not seen.
    pub(super) fn fit(scores: &[f64], positive: &[bool]) -> Self {
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / n;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let rows: Vec<_> = scores.iter().map(|score| vec![(0, (score - mean) / deviation)]).collect();
        Self { mean, deviation, curve: LogisticRegression::fit(&rows, positive, 1, INVERSE_PENALTY) }
    }

    /// Probability of being positive at this score.
    pub(super) fn probability(&self, score: f64) -> f64 {
        sigmoid(self.curve.log_odds(&vec![(0, (score - self.mean) / self.deviation)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_the_shares_at_each_score() {
        // At score 0 one of four is positive, at score 1 three of four; both classes are as many.
        let scores: Vec<f64> = (0..800).map(|row| f64::from(row % 2)).collect();
        let positive: Vec<bool> = (0..800).map(|row| (row / 2 % 4 == 0) == (row % 2 == 0)).collect();
        let calibration = Calibration::fit(&scores, &positive);
        assert!((calibration.probability(0.0) - 0.25).abs() < 1e-3, "{}", calibration.probability(0.0));
        assert!((calibration.probability(1.0) - 0.75).abs() < 1e-3);
        assert!((calibration.probability(0.5) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn equal_scores_are_even() {
        let calibration = Calibration::fit(&[3.0; 6], &[true, false, false, false, false, false]);
        assert!((calibration.probability(3.0) - 0.5).abs() < 1e-9);
    }
}
