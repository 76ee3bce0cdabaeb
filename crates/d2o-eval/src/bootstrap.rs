//! Means, ratios and differences with percentile bootstrap intervals.
//!
//! Items are drawn with replacement, the figure is computed again, and the 2.5 % and 97.5 %
//! quantiles of these figures are the interval (Efron and Tibshirani, *An Introduction to the
//! Bootstrap*, 1993, chapter 13). Resampling is seeded, so that an interval is a function of its
//! arguments. An interval of one item is that item: it says nothing about other items.

use d2o_record::Estimate;

use crate::random::{below, seeded};

/// Resamples that give interval ends steady to about a hundredth of the interval's length.
pub const RESAMPLES: usize = 2000;

/// How a bootstrap resamples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Number of resamples.
    pub resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
}

impl Resampling {
    /// `resamples` resamples from `seed`.
    #[must_use]
    pub fn new(resamples: usize, seed: u64) -> Self {
        Self { resamples, seed }
    }
}

impl Default for Resampling {
    /// [`RESAMPLES`], seed 0.
    fn default() -> Self {
        Self { resamples: RESAMPLES, seed: 0 }
    }
}

/// The mean of `values`.
///
/// Equal values give exactly that value and an interval of no length; no values give
/// [`Estimate::nothing`].
pub fn mean_interval(values: &[f64], resampling: Resampling) -> Estimate {
    let Some(&origin) = values.first() else {
        return Estimate::nothing();
    };
    // Deviations from the first value: equal values then have a mean without rounding.
    let mean_of = |picks: &mut dyn Iterator<Item = usize>| {
        origin + picks.map(|index| values[index] - origin).sum::<f64>() / values.len() as f64
    };
    interval(values.len(), resampling, mean_of)
}

/// The mean of `after[i] − before[i]`: the change on the same items, whose spread is that of the
/// differences and not of the items.
///
/// # Panics
/// If the two differ in length.
pub fn paired_difference(before: &[f64], after: &[f64], resampling: Resampling) -> Estimate {
    assert_eq!(before.len(), after.len(), "pairs need both sides");
    let differences: Vec<f64> = before.iter().zip(after).map(|(before, after)| after - before).collect();
    mean_interval(&differences, resampling)
}

/// The ratio `Σ sums / Σ counts` after minus before, each mapped by `form`, with the same items drawn on both sides.
///
/// # Panics
/// If the two differ in length.
pub fn paired_ratio_difference(
    before: &[(f64, usize)],
    after: &[(f64, usize)],
    form: fn(f64) -> f64,
    resampling: Resampling,
) -> Estimate {
    assert_eq!(before.len(), after.len(), "pairs need both sides");
    if before.is_empty() {
        return Estimate::nothing();
    }
    interval(before.len(), resampling, |picks| {
        let mut sums = [(0.0, 0); 2];
        for index in picks {
            for (sum, items) in sums.iter_mut().zip([before, after]) {
                *sum = (sum.0 + items[index].0, sum.1 + items[index].1);
            }
        }
        let [before, after] = sums.map(|(sum, count)| form(sum / count as f64));
        after - before
    })
}

/// `Σ sums / Σ counts` over items: nats per token, or any mean whose items weigh by their size.
/// Items are resampled whole. NaN if all counts are zero.
pub fn ratio_interval(items: &[(f64, usize)], resampling: Resampling) -> Estimate {
    if items.is_empty() {
        return Estimate::nothing();
    }
    let ratio_of = |picks: &mut dyn Iterator<Item = usize>| {
        let (sum, count) = picks.fold((0.0, 0), |(sum, count), index| (sum + items[index].0, count + items[index].1));
        sum / count as f64
    };
    interval(items.len(), resampling, ratio_of)
}

/// Perplexity `exp(Σ nll / Σ tokens)` of texts given as (negative log-likelihood in nats, tokens).
pub fn perplexity(items: &[(f64, usize)], resampling: Resampling) -> Estimate {
    let nats = ratio_interval(items, resampling);
    // The exponential is monotone, so it maps quantiles to quantiles.
    Estimate { mean: nats.mean.exp(), low: nats.low.exp(), high: nats.high.exp(), n: nats.n }
}

/// The figure of all `n` items with its interval over resamples of them.
pub(crate) fn interval(
    n: usize,
    Resampling { resamples, seed }: Resampling,
    figure: impl Fn(&mut dyn Iterator<Item = usize>) -> f64,
) -> Estimate {
    let mean = figure(&mut (0..n));
    let mut random = seeded(seed);
    let drawn = (0..resamples).map(|_| figure(&mut (0..n).map(|_| below(&mut random, n))));
    let mut figures: Vec<f64> = drawn.filter(|figure| !figure.is_nan()).collect();
    figures.sort_by(f64::total_cmp);
    let (low, high) =
        if figures.is_empty() { (mean, mean) } else { (quantile(&figures, 0.025), quantile(&figures, 0.975)) };
    Estimate { mean, low, high, n }
}

/// Linear interpolation between the two nearest of the sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // Equal neighbours, infinities among them, need no interpolation.
    if below == above { below } else { below + (above - below) * place.fract() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coin(n: usize, seed: u64) -> Vec<f64> {
        let mut random = seeded(seed);
        (0..n).map(|_| below(&mut random, 2) as f64).collect()
    }

    #[test]
    fn constants_are_exact() {
        // Ten times 0.1, summed as they are, would give 0.9999999999999999.
        assert_eq!(mean_interval(&[0.1; 10], Resampling::new(200, 3)), Estimate::exact(0.1, 10));
        assert_eq!(mean_interval(&[7.0], Resampling::new(200, 3)), Estimate::exact(7.0, 1));
        assert_eq!(mean_interval(&[f64::INFINITY; 3], Resampling::new(10, 3)).n, 3);
        let nothing = mean_interval(&[], Resampling::new(200, 3));
        assert!(nothing.mean.is_nan() && nothing.n == 0);
    }

    #[test]
    fn the_interval_has_the_length_theory_gives() {
        // A fair coin of n throws: 2 · 1.96 · ½ / √n, which is 0.196 for 100 and 0.098 for 400.
        for (n, expected) in [(100, 0.196), (400, 0.098)] {
            let estimate = mean_interval(&coin(n, 5), Resampling::new(RESAMPLES, 1));
            let length = estimate.high - estimate.low;
            assert!((length / expected - 1.0).abs() < 0.15, "{n}: {length}");
            assert!(estimate.low < estimate.mean && estimate.mean < estimate.high);
        }
    }

    #[test]
    fn it_covers_the_truth_as_often_as_it_says() {
        let covered = (0..400).filter(|&seed| {
            let estimate = mean_interval(&coin(100, seed), Resampling::new(300, seed));
            estimate.low <= 0.5 && 0.5 <= estimate.high
        });
        // 95 % of 400 is 380; a binomial's standard deviation there is 4.4, and percentile
        // intervals of a coin run a little short.
        let covered = covered.count();
        assert!((360..=396).contains(&covered), "{covered}");
    }

    #[test]
    fn same_seed_same_bits() {
        let values = coin(50, 8);
        assert_eq!(mean_interval(&values, Resampling::new(500, 1)), mean_interval(&values, Resampling::new(500, 1)));
        let ratio = |seed| ratio_interval(&[(1.5, 2), (2.0, 7), (9.0, 3)], Resampling::new(500, seed));
        assert_eq!(ratio(4), ratio(4));
    }

    #[test]
    fn pairing_removes_what_both_sides_share() {
        let before = coin(60, 2);
        let after: Vec<f64> = before.iter().map(|value| value + 0.25).collect();
        assert_eq!(paired_difference(&before, &after, Resampling::new(500, 1)), Estimate::exact(0.25, 60));
    }

    #[test]
    fn a_ratio_that_grows_alike_everywhere_has_a_sure_change() {
        // Texts of very different likelihood, each 0.5 nats a token worse after: the difference is 0.5 in any resample.
        let before = [(1.0, 2), (30.0, 10), (8.0, 4), (0.5, 1)];
        let after = before.map(|(nll, tokens)| (nll + 0.5 * tokens as f64, tokens));
        let resampling = Resampling::new(500, 1);
        let nats = paired_ratio_difference(&before, &after, |nats| nats, resampling);
        assert!((nats.low - 0.5).abs() < 1e-12 && (nats.high - 0.5).abs() < 1e-12 && nats.n == 4, "{nats:?}");
        // Perplexity: 39.5 nats in 17 tokens; it grows by exp(39.5/17) (√e − 1) = 6.63.
        let perplexity = paired_ratio_difference(&before, &after, f64::exp, resampling);
        let expected = (39.5_f64 / 17.0).exp() * (0.5_f64.exp() - 1.0);
        assert!((perplexity.mean - expected).abs() < 1e-12, "{perplexity:?}");
        assert!(perplexity.low > 0.0 && perplexity.low < expected && expected < perplexity.high);
        assert_eq!(paired_ratio_difference(&[], &[], f64::exp, resampling).n, 0);
    }

    #[test]
    fn long_texts_weigh_more_in_perplexity() {
        // 8 tokens of 1 nat and 2 tokens of 6 nats: (8 + 12) / 10 = 2 nats a token.
        let items = [(8.0, 8), (12.0, 2)];
        let estimate = perplexity(&items, Resampling::new(500, 1));
        assert!((estimate.mean - 2.0f64.exp()).abs() < 1e-12);
        // The resamples are both texts, or one of them twice.
        assert!((estimate.low - 1.0f64.exp()).abs() < 1e-12 && (estimate.high - 6.0f64.exp()).abs() < 1e-9);
        assert!(ratio_interval(&[(0.0, 0)], Resampling::new(10, 1)).mean.is_nan());
    }
}
