//! Habits that a classifier tells, fitted on labelled answers.

use d2o_record::JudgeReport;

use crate::error::EvalError;
use crate::judge::{Example, Judge, JudgeConfig, JudgeKind};

/// Most folds of the cross-validation; fewer where there are fewer prompts.
const FOLDS: usize = 5;

/// A classifier of answers with the probability from which on an answer shows the habit.
#[derive(Clone, Debug)]
pub struct JudgedHabit {
    judge: Judge,
    threshold: f64,
}

impl JudgedHabit {
    /// Fits both kinds of judge on examples whose `harmful` says whether they show the habit, and keeps the one whose
    /// cross-validated AUC is higher.
    ///
    /// Answers are read whole: a habit may show anywhere. They should have been cut to one length.
    ///
    /// # Errors
    /// Those of [`Judge::fit`].
    pub fn fit(examples: &[Example], threshold: f64, seed: u64) -> Result<Self, EvalError> {
        let groups = examples.iter().map(|example| &example.group).collect::<std::collections::BTreeSet<_>>().len();
        let folds = FOLDS.min(groups).max(2);
        let fit = |kind| {
            let config = JudgeConfig { kind, seed, folds, max_chars: 0, ..JudgeConfig::default() };
            Judge::fit("habit", examples, &config)
        };
        let (words, letters) = (fit(JudgeKind::WordLogistic)?, fit(JudgeKind::CharNaiveBayes)?);
        let judge = if letters.report().auc > words.report().auc { letters } else { words };
        Ok(Self { judge, threshold })
    }

    /// Whether an answer shows the habit.
    #[must_use]
    pub fn shows(&self, answer: &str) -> bool {
        self.judge.probability(answer) >= self.threshold
    }

    /// How well the classifier tells answers to prompts that it has not seen.
    #[must_use]
    pub fn report(&self) -> JudgeReport {
        self.judge.report()
    }

    /// Whether it tells anything: the interval of its AUC lies above one half.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.report().auc_low > 0.5
    }
}
