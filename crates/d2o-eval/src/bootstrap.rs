//! Means, ratios and differences with percentile bootstrap intervals.
//!
//! Items are drawn with replacement, the figure is computed again, and the 2.5 % and 97.5 %
//! quantiles of these figures are the interval (Efron and Tibshirani, *An Introduction to the
//! Bootstrap*, 1993, chapter 13). Resampling is seeded, so that an interval is a function of its
//! arguments. An interval of one item is that item: it says nothing about other items.

use crate::evaluate::metrics::Estimate;

/// Resamples that give interval ends steady to about a hundredth of the interval's length.
pub const RESAMPLES: usize = 2000;

/// A small generator with a 64-bit state: Steele, Lea and Flood's SplitMix64 (OOPSLA 2014).
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; the bias is below `bound / 2⁶⁴`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// The mean of `values`.
///
/// Equal values give exactly that value and an interval of no length; no values give
/// [`Estimate::nothing`].
pub fn mean_interval(values: &[f64], resamples: usize, seed: u64) -> Estimate {
    let Some(&origin) = values.first() else {
        return Estimate::nothing();
    };
    // Deviations from the first value: equal values then have a mean without rounding.
    let mean_of = |picks: &mut dyn Iterator<Item = usize>| {
        origin + picks.map(|index| values[index] - origin).sum::<f64>() / values.len() as f64
    };
    interval(values.len(), resamples, seed, mean_of)
}

/// The mean of `after[i] − before[i]`: the change on the same items, whose spread is that of the
/// differences and not of the items.
///
/// # Panics
/// If the two differ in length.
pub fn paired_difference(before: &[f64], after: &[f64], resamples: usize, seed: u64) -> Estimate {
    assert_eq!(before.len(), after.len(), "pairs need both sides");
    let differences: Vec<f64> = before.iter().zip(after).map(|(before, after)| after - before).collect();
    mean_interval(&differences, resamples, seed)
}

/// `Σ sums / Σ counts` over items: nats per token, or any mean whose items weigh by their size.
/// Items are resampled whole. NaN if all counts are zero.
pub fn ratio_interval(items: &[(f64, usize)], resamples: usize, seed: u64) -> Estimate {
    if items.is_empty() {
        return Estimate::nothing();
    }
    let ratio_of = |picks: &mut dyn Iterator<Item = usize>| {
        let (sum, count) = picks.fold((0.0, 0), |(sum, count), index| (sum + items[index].0, count + items[index].1));
        sum / count as f64
    };
    interval(items.len(), resamples, seed, ratio_of)
}

/// Perplexity `exp(Σ nll / Σ tokens)` of texts given as (negative log-likelihood in nats, tokens).
pub fn perplexity(items: &[(f64, usize)], resamples: usize, seed: u64) -> Estimate {
    let nats = ratio_interval(items, resamples, seed);
    // The exponential is monotone, so it maps quantiles to quantiles.
    Estimate { mean: nats.mean.exp(), low: nats.low.exp(), high: nats.high.exp(), n: nats.n }
}

/// The figure of all `n` items with its interval over resamples of them.
pub(crate) fn interval(
    n: usize,
    resamples: usize,
    seed: u64,
    figure: impl Fn(&mut dyn Iterator<Item = usize>) -> f64,
) -> Estimate {
    let mean = figure(&mut (0..n));
    let mut random = SplitMix64::new(seed);
    let drawn = (0..resamples).map(|_| figure(&mut (0..n).map(|_| random.below(n))));
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
        let mut random = SplitMix64::new(seed);
        (0..n).map(|_| random.below(2) as f64).collect()
    }

    #[test]
    fn known_stream() {
        // The published first outputs for seed 1234567.
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn constants_are_exact() {
        // Ten times 0.1, summed as they are, would give 0.9999999999999999.
        assert_eq!(mean_interval(&[0.1; 10], 200, 3), Estimate::exact(0.1, 10));
        assert_eq!(mean_interval(&[7.0], 200, 3), Estimate::exact(7.0, 1));
        assert_eq!(mean_interval(&[f64::INFINITY; 3], 10, 3).n, 3);
        let nothing = mean_interval(&[], 200, 3);
        assert!(nothing.mean.is_nan() && nothing.n == 0);
    }

    #[test]
    fn the_interval_has_the_length_theory_gives() {
        // A fair coin of n throws: 2 · 1.96 · ½ / √n, which is 0.196 for 100 and 0.098 for 400.
        for (n, expected) in [(100, 0.196), (400, 0.098)] {
            let estimate = mean_interval(&coin(n, 5), RESAMPLES, 1);
            let length = estimate.high - estimate.low;
            assert!((length / expected - 1.0).abs() < 0.15, "{n}: {length}");
            assert!(estimate.low < estimate.mean && estimate.mean < estimate.high);
        }
    }

    #[test]
    fn it_covers_the_truth_as_often_as_it_says() {
        let covered = (0..400).filter(|&seed| {
            let estimate = mean_interval(&coin(100, seed), 300, seed);
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
        assert_eq!(mean_interval(&values, 500, 1), mean_interval(&values, 500, 1));
        let ratio = |seed| ratio_interval(&[(1.5, 2), (2.0, 7), (9.0, 3)], 500, seed);
        assert_eq!(ratio(4), ratio(4));
    }

    #[test]
    fn pairing_removes_what_both_sides_share() {
        let before = coin(60, 2);
        let after: Vec<f64> = before.iter().map(|value| value + 0.25).collect();
        assert_eq!(paired_difference(&before, &after, 500, 1), Estimate::exact(0.25, 60));
    }

    #[test]
    fn long_texts_weigh_more_in_perplexity() {
        // 8 tokens of 1 nat and 2 tokens of 6 nats: (8 + 12) / 10 = 2 nats a token.
        let items = [(8.0, 8), (12.0, 2)];
        let estimate = perplexity(&items, 500, 1);
        assert!((estimate.mean - 2.0f64.exp()).abs() < 1e-12);
        // The resamples are both texts, or one of them twice.
        assert!((estimate.low - 1.0f64.exp()).abs() < 1e-12 && (estimate.high - 6.0f64.exp()).abs() < 1e-9);
        assert!(ratio_interval(&[(0.0, 0)], 10, 1).mean.is_nan());
    }
}
