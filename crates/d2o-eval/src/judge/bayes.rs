//! Naive Bayes on hashed character n-grams.

use std::collections::BTreeMap;

/// Lengths of the n-grams, in characters.
const GRAMS: std::ops::RangeInclusive<usize> = 3..=5;
/// Buckets of the hash, a power of two: two in a thousand of some thousand n-grams share one.
const BUCKETS: usize = 1 << 18;

/// The log-ratio of each bucket's frequency in positive and in negative texts.
#[derive(Clone, Debug)]
pub(super) struct CharNaiveBayes {
    /// Buckets seen in fitting.
    log_ratios: BTreeMap<u32, f64>,
    /// Log-ratio of a bucket never seen.
    unseen: f64,
}

impl CharNaiveBayes {
    /// `log_ratio(g) = ln (n₊(g) + a) / (n₊ + aV) − ln (n₋(g) + a) / (n₋ + aV)`, where a text gives
    /// each of its different n-grams one count, `a` is `smoothing` and `V` the number of buckets
    /// seen (multinomial naive Bayes on binary counts, class priors left out).
    pub(super) fn fit(texts: &[&str], positive: &[bool], smoothing: f64) -> Self {
        let mut counts: BTreeMap<u32, [f64; 2]> = BTreeMap::new();
        let mut totals = [0.0; 2];
        for (text, &positive) in texts.iter().zip(positive) {
            for bucket in buckets(text) {
                counts.entry(bucket).or_default()[usize::from(positive)] += 1.0;
                totals[usize::from(positive)] += 1.0;
            }
        }
        let mass = totals.map(|total| (total + smoothing * counts.len() as f64).ln());
        let ratio = |[negative, positive]: [f64; 2]| {
            (positive + smoothing).ln() - mass[1] - ((negative + smoothing).ln() - mass[0])
        };
        Self {
            unseen: ratio([0.0; 2]),
            log_ratios: counts.into_iter().map(|(bucket, counts)| (bucket, ratio(counts))).collect(),
        }
    }

    /// Mean log-ratio of a text's n-grams, in nats; 0 without any. The mean instead of the sum,
    /// since n-grams of one word repeat each other's evidence and a sum would grow with length.
    pub(super) fn score(&self, text: &str) -> f64 {
        let buckets = buckets(text);
        let ratios = buckets.iter().map(|bucket| self.log_ratios.get(bucket).unwrap_or(&self.unseen));
        ratios.sum::<f64>() / buckets.len().max(1) as f64
    }
}

/// Buckets of a text's n-grams, ascending, each once. Letters are lower-cased, curly quotes made
/// straight, and whatever stands between words becomes one space.
fn buckets(text: &str) -> Vec<u32> {
    let mut characters = vec![' '];
    characters.extend(crate::text::words(text).iter().flat_map(|word| word.chars().chain([' '])));
    let grams = GRAMS.flat_map(|length| characters.windows(length).map(hash));
    let mut buckets: Vec<u32> = grams.collect();
    buckets.sort_unstable();
    buckets.dedup();
    buckets
}

/// Bucket of an n-gram: FNV-1a over its UTF-8, the upper half folded onto the lower one.
fn hash(gram: &[char]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut buffer = [0; 4];
    for character in gram {
        for byte in character.encode_utf8(&mut buffer).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    ((hash ^ (hash >> 32)) as usize & (BUCKETS - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_its_n_grams_once() {
        // " ab " has " ab", "ab " and " ab "; twice the word adds "b a" and its longer ones.
        assert_eq!(buckets("ab").len(), 3);
        assert_eq!(buckets("Ab!"), buckets("ab"));
        // " ab ab ": 3-grams " ab", "ab ", "b a"; 4-grams " ab ", "ab a", "b ab"; 5-grams
        // " ab a", "ab ab", "b ab ".
        assert_eq!(buckets("ab ab").len(), 9);
        assert!(buckets("").is_empty() && buckets("?!").is_empty());
    }

    #[test]
    fn the_score_is_the_mean_log_ratio() {
        // One text a class, three n-grams each, V = 6: a seen gram has (1+1)/(3+6) against
        // (0+1)/(3+6), a ratio of 2; one never seen has ratio 1.
        let model = CharNaiveBayes::fit(&["ab", "cd"], &[true, false], 1.0);
        assert!((model.score("ab") - 2.0f64.ln()).abs() < 1e-12);
        assert!((model.score("cd") + 2.0f64.ln()).abs() < 1e-12);
        assert_eq!(model.score("xy"), 0.0);
        assert_eq!(model.score(""), 0.0);
    }
}
