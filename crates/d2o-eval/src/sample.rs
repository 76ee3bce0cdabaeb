//! From items, one a prompt, to figures and to their change between two models that answered the same prompts.

use std::collections::BTreeMap;

use d2o_record::{Estimate, Evaluation, Metric};

use crate::answers::Likelihood;
use crate::bootstrap::{
    Resampling, mean_interval, paired_difference, paired_ratio_difference, perplexity, ratio_interval,
};

/// What one figure is computed from: an item for each prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// The figure is the mean of the items.
    Mean(Vec<f64>),
    /// The figure is `Σ sums / Σ counts` of items (sum, count).
    Ratio(Vec<(f64, usize)>),
    /// The figure is `exp(Σ nats / Σ tokens)` of items (nats, tokens).
    Perplexity(Vec<(f64, usize)>),
}

/// The samples of one model by metric.
pub type Samples = BTreeMap<Metric, Sample>;

impl Sample {
    /// The share of items that are true.
    pub fn share(items: impl IntoIterator<Item = bool>) -> Self {
        Self::Mean(items.into_iter().map(|item| f64::from(u8::from(item))).collect())
    }

    /// Negative log-likelihood, nats per token.
    pub fn nll_per_token(likelihoods: &[Likelihood]) -> Self {
        Self::Ratio(items(likelihoods))
    }

    /// Perplexity.
    pub fn perplexity(likelihoods: &[Likelihood]) -> Self {
        Self::Perplexity(items(likelihoods))
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        match self {
            Self::Mean(items) => items.len(),
            Self::Ratio(items) | Self::Perplexity(items) => items.len(),
        }
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The figure with its interval.
    pub fn estimate(&self, resampling: Resampling) -> Estimate {
        match self {
            Self::Mean(items) => mean_interval(items, resampling),
            Self::Ratio(items) => ratio_interval(items, resampling),
            Self::Perplexity(items) => perplexity(items, resampling),
        }
    }

    /// The figure of `after` minus this one, with the interval of a paired bootstrap: each resample draws the same
    /// prompts for both. `None` unless both have items of the same kind and number.
    pub fn change(&self, after: &Self, resampling: Resampling) -> Option<Estimate> {
        if self.is_empty() || self.len() != after.len() {
            return None;
        }
        match (self, after) {
            (Self::Mean(before), Self::Mean(after)) => Some(paired_difference(before, after, resampling)),
            (Self::Ratio(before), Self::Ratio(after)) => {
                Some(paired_ratio_difference(before, after, |ratio| ratio, resampling))
            }
            (Self::Perplexity(before), Self::Perplexity(after)) => {
                Some(paired_ratio_difference(before, after, f64::exp, resampling))
            }
            _ => None,
        }
    }
}

fn items(likelihoods: &[Likelihood]) -> Vec<(f64, usize)> {
    likelihoods.iter().map(|likelihood| (likelihood.nll, likelihood.tokens)).collect()
}

/// The figures of two models and their changes; without judges.
///
/// Item `i` of a sample has to be of the same prompt before and after.
pub fn compare(before: &Samples, after: &Samples, resampling: Resampling) -> Evaluation {
    let estimates = |samples: &Samples| -> BTreeMap<Metric, Estimate> {
        samples.iter().map(|(metric, sample)| (metric.clone(), sample.estimate(resampling))).collect()
    };
    let change = |(metric, before): (&Metric, &Sample)| {
        let change = before.change(after.get(metric)?, resampling)?;
        Some((metric.clone(), change))
    };
    Evaluation {
        before: estimates(before),
        after: estimates(after),
        change: before.iter().filter_map(change).collect(),
        judges: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESAMPLING: Resampling = Resampling { resamples: 500, seed: 3 };

    #[test]
    fn a_change_that_two_intervals_hide_is_seen_in_pairs() {
        // Forty prompts between 0.1 and 0.9, each lower by 0.05 to 0.07 after: the intervals overlap by far.
        let before: Vec<f64> = (0..40).map(|prompt| 0.1 + 0.8 * f64::from(prompt * 7 % 40) / 39.0).collect();
        let after: Vec<f64> =
            before.iter().enumerate().map(|(index, p)| p - 0.05 - 0.02 * (index % 2) as f64).collect();
        let [before, after] = [before, after].map(|items| Samples::from([("harm.a".into(), Sample::Mean(items))]));
        let evaluation = compare(&before, &after, RESAMPLING);
        assert!(evaluation.after["harm.a"].high > evaluation.before["harm.a"].low);
        let change = evaluation.change["harm.a"];
        assert!((change.mean + 0.06).abs() < 1e-12 && change.n == 40, "{change:?}");
        assert!(change.low >= -0.07 && change.high <= -0.05, "{change:?}");
    }

    #[test]
    fn each_kind_changes_in_its_own_unit() {
        let before = [Likelihood { nll: 4.0, tokens: 4 }, Likelihood { nll: 12.0, tokens: 4 }];
        let after = before.map(|l| Likelihood { nll: l.nll + 4.0, ..l });
        // 2 nats a token become 3.
        let nll = Sample::nll_per_token(&before).change(&Sample::nll_per_token(&after), RESAMPLING).unwrap();
        assert_eq!(nll, Estimate::exact(1.0, 2));
        let perplexity = Sample::perplexity(&before).change(&Sample::perplexity(&after), RESAMPLING).unwrap();
        assert!((perplexity.mean - (3.0_f64.exp() - 2.0_f64.exp())).abs() < 1e-12);
        assert!(perplexity.low > 0.0);
        let share = Sample::share([true, false]).change(&Sample::share([true, true]), RESAMPLING).unwrap();
        assert_eq!((share.mean, share.low, share.high), (0.5, 0.0, 1.0));
    }

    #[test]
    fn what_is_not_paired_has_no_change() {
        let two = Sample::Mean(vec![0.0, 1.0]);
        assert_eq!(two.change(&Sample::Mean(vec![1.0]), RESAMPLING), None);
        assert_eq!(two.change(&Sample::Ratio(vec![(1.0, 1); 2]), RESAMPLING), None);
        assert_eq!(Sample::Mean(vec![]).change(&Sample::Mean(vec![]), RESAMPLING), None);
        let one_side = compare(&Samples::from([(Metric::REPETITION, two)]), &Samples::new(), RESAMPLING);
        assert!(one_side.before.len() == 1 && one_side.change.is_empty());
    }
}
