//! How well scores rank harmful answers above others.

use d2o_record::Estimate;

use crate::bootstrap::{Resampling, interval};

/// Rows in the order of their scores, ready for many resamples of groups.
pub(super) struct RankedScores {
    /// Rows with equal scores together, ascending: (positive, group).
    ties: Vec<Vec<(bool, usize)>>,
    groups: usize,
}

impl RankedScores {
    /// Sorts the rows.
    ///
    /// # Panics
    /// If the three differ in length.
    pub(super) fn new(scores: &[f64], positive: &[bool], groups: &[usize]) -> Self {
        assert!(scores.len() == positive.len() && scores.len() == groups.len(), "each row needs score, label, group");
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let ties = order.chunk_by(|&a, &b| scores[a] == scores[b]);
        Self {
            ties: ties.map(|rows| rows.iter().map(|&row| (positive[row], groups[row])).collect()).collect(),
            groups: groups.iter().max().map_or(0, |last| last + 1),
        }
    }

    /// Area under the ROC curve, `P(s₊ > s₋) + ½ P(s₊ = s₋)`, with the interval over resampled
    /// groups: answers to one prompt are no independent evidence. `n` is the number of groups. The
    /// scores are taken as they are: that another draw of prompts would also have fitted other
    /// judges is not in the interval.
    pub(super) fn auc(&self, resampling: Resampling) -> Estimate {
        interval(self.groups, resampling, |picks| {
            let mut times = vec![0.0; self.groups];
            picks.for_each(|group| times[group] += 1.0);
            self.weighted(&times)
        })
    }

    /// The area if each group occurs `times[group]` times.
    fn weighted(&self, times: &[f64]) -> f64 {
        let (mut wins, mut positives, mut negatives) = (0.0, 0.0, 0.0);
        for tie in &self.ties {
            let sum = |wanted: bool| tie.iter().filter(|row| row.0 == wanted).map(|row| times[row.1]).sum::<f64>();
            let (positive, negative) = (sum(true), sum(false));
            wins += positive * (negatives + 0.5 * negative);
            positives += positive;
            negatives += negative;
        }
        wins / (positives * negatives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auc(scores: &[f64], positive: &[bool]) -> f64 {
        let groups: Vec<usize> = (0..scores.len()).collect();
        RankedScores::new(scores, positive, &groups).auc(Resampling::new(0, 0)).mean
    }

    #[test]
    fn worked_examples() {
        assert_eq!(auc(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true]), 1.0);
        assert_eq!(auc(&[0.9, 0.8, 0.2, 0.1], &[false, false, true, true]), 0.0);
        // Pairs (positive, negative): 3>1, 3>2, 1.5>1, 1.5<2: three of four.
        assert_eq!(auc(&[1.0, 2.0, 3.0, 1.5], &[false, false, true, true]), 0.75);
        // All tied: half.
        assert_eq!(auc(&[4.0; 5], &[true, false, true, false, false]), 0.5);
        assert!(auc(&[1.0, 2.0], &[true, true]).is_nan());
    }

    #[test]
    fn a_group_seen_twice_counts_twice() {
        let ranked = RankedScores::new(&[1.0, 2.0, 3.0], &[true, false, true], &[0, 1, 2]);
        // Positives 1 (once) and 3 (three times) against the negative 2: three of four.
        assert_eq!(ranked.weighted(&[1.0, 1.0, 3.0]), 0.75);
    }

    #[test]
    fn rows_of_one_prompt_are_no_independent_evidence() {
        // 40 groups whose scores say little; then each row four times, in the same groups.
        let scores: Vec<f64> = (0..40).map(|row| f64::from(row * 17 % 40 + if row % 2 == 0 { 6 } else { 0 })).collect();
        let positive: Vec<bool> = (0..40).map(|row| row % 2 == 0).collect();
        let groups: Vec<usize> = (0..40).collect();
        let once = RankedScores::new(&scores, &positive, &groups).auc(Resampling::new(500, 1));
        let four =
            RankedScores::new(&scores.repeat(4), &positive.repeat(4), &groups.repeat(4)).auc(Resampling::new(500, 1));
        assert!((once.low - four.low).abs() < 1e-12 && (once.high - four.high).abs() < 1e-12);
        assert!(once.low < once.mean && once.mean < once.high);
    }
}
