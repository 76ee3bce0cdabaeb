//! Each filter against numbers worked out by hand, and against a plain definition.

use d2o_sampler::{Distribution, SamplerConfig};
use proptest::prelude::*;

/// Logits of the probabilities 0.1, 0.4, 0.2, 0.3.
fn tenths() -> Vec<f32> {
    [1.0_f32, 4.0, 2.0, 3.0].map(f32::ln).to_vec()
}

fn assert_probs(logits: &[f32], context: &[u32], config: &SamplerConfig, expected: &[(u32, f64)]) {
    let probs: Vec<_> = Distribution::new(logits, context, config).probs().collect();
    let close = |(a, b): (&(u32, f64), &(u32, f64))| a.0 == b.0 && (a.1 - b.1).abs() < 1e-6;
    let equal = probs.len() == expected.len() && probs.iter().zip(expected).all(close);
    assert!(equal, "{probs:?} is not {expected:?}");
}

fn config() -> SamplerConfig {
    SamplerConfig::default()
}

#[test]
fn without_filters_it_is_the_softmax() {
    let expected = [(0, 0.1), (1, 0.4), (2, 0.2), (3, 0.3)];
    assert_probs(&tenths(), &[], &config(), &expected);
}

#[test]
fn half_the_temperature_squares_the_odds() {
    let config = SamplerConfig { temperature: 0.5, ..config() };
    // 1, 16, 4, 9 of 30.
    let expected = [(0, 1.0 / 30.0), (1, 16.0 / 30.0), (2, 4.0 / 30.0), (3, 9.0 / 30.0)];
    assert_probs(&tenths(), &[], &config, &expected);
}

#[test]
fn a_tiny_temperature_is_greedy_and_does_not_overflow() {
    let config = SamplerConfig { temperature: 1e-300, ..config() };
    assert_probs(&[-3e38, 3e38, 1.0], &[], &config, &[(1, 1.0)]);
}

#[test]
fn top_k_keeps_the_k_likeliest() {
    let config = SamplerConfig { top_k: 2, ..config() };
    assert_probs(&tenths(), &[], &config, &[(1, 4.0 / 7.0), (3, 3.0 / 7.0)]);
}

#[test]
fn top_k_keeps_what_equals_the_kth() {
    let config = SamplerConfig { top_k: 2, ..config() };
    let third = 1.0 / 3.0;
    assert_probs(&[1.0, 0.0, 1.0, 1.0], &[], &config, &[(0, third), (2, third), (3, third)]);
}

#[test]
fn top_k_beyond_the_vocabulary_keeps_all() {
    let config = SamplerConfig { top_k: 9, ..config() };
    assert_probs(&[0.0, 0.0], &[], &config, &[(0, 0.5), (1, 0.5)]);
}

#[test]
fn top_p_keeps_the_smallest_set_that_reaches_it() {
    // Ranked: 0.4, 0.3, 0.2, 0.1. Two reach 0.65, three are needed for 0.75.
    let two = SamplerConfig { top_p: 0.65, ..config() };
    assert_probs(&tenths(), &[], &two, &[(1, 4.0 / 7.0), (3, 3.0 / 7.0)]);
    let three = SamplerConfig { top_p: 0.75, ..config() };
    assert_probs(&tenths(), &[], &three, &[(1, 4.0 / 9.0), (2, 2.0 / 9.0), (3, 3.0 / 9.0)]);
}

#[test]
fn top_p_keeps_at_least_one_token_and_breaks_ties_by_id() {
    let config = SamplerConfig { top_p: 1e-9, ..config() };
    assert_probs(&tenths(), &[], &config, &[(1, 1.0)]);
    assert_probs(&[2.0, 5.0, 5.0], &[], &config, &[(1, 1.0)]);
}

#[test]
fn min_p_is_relative_to_the_likeliest() {
    // At least 0.6 · 0.4 = 0.24: the tokens with 0.4 and 0.3.
    let config = SamplerConfig { min_p: 0.6, ..config() };
    assert_probs(&tenths(), &[], &config, &[(1, 4.0 / 7.0), (3, 3.0 / 7.0)]);
}

#[test]
fn the_penalty_divides_positive_and_multiplies_negative_logits_once() {
    // Logits 2, −1, 1 with penalty 2 on tokens 0 (twice in the context) and 1 become 1, −2, 1.
    let config = SamplerConfig { repetition_penalty: 2.0, ..config() };
    let (e, total) = (1_f64.exp(), 2.0 * 1_f64.exp() + (-2_f64).exp());
    let expected = [(0, e / total), (1, (-2_f64).exp() / total), (2, e / total)];
    assert_probs(&[2.0, -1.0, 1.0], &[0, 1, 0], &config, &expected);
}

#[test]
fn filters_apply_in_order() {
    // Odds 1, 4, 2, 3 at temperature 0.5: 1, 16, 4, 9. Top-k 3 leaves 16, 4, 9 of 29. The first
    // two hold 25/29 = 0.862 of that, though only 25/30 = 0.833 of everything: top-p 0.85 stops
    // there only if it comes after top-k.
    let config = SamplerConfig { temperature: 0.5, top_k: 3, top_p: 0.85, ..config() };
    assert_probs(&tenths(), &[], &config, &[(1, 0.64), (3, 0.36)]);
    // 9/16 = 0.5625 of the likeliest, so min-p 0.57 removes it after the others have passed.
    let config = SamplerConfig { min_p: 0.57, ..config };
    assert_probs(&tenths(), &[], &config, &[(1, 1.0)]);
}

#[test]
fn temperature_zero_takes_the_lowest_of_the_likeliest_after_the_penalty() {
    let greedy = SamplerConfig { temperature: 0.0, repetition_penalty: 2.0, ..config() };
    assert_probs(&[1.0, 4.0, 4.0, 3.0], &[], &greedy, &[(1, 1.0)]);
    assert_probs(&[1.0, 4.0, 4.0, 3.0], &[1, 2], &greedy, &[(3, 1.0)]);
}

#[test]
fn drawing_inverts_the_cumulative_distribution() {
    // On the midpoints of 1,000 equal intervals, probability p is hit exactly 1,000 p times.
    let distribution = Distribution::new(&tenths(), &[], &config());
    let mut counts = [0; 4];
    for i in 0..1000 {
        let drawn = distribution.draw((f64::from(i) + 0.5) / 1000.0);
        counts[drawn.id as usize] += 1;
        let expected = [0.1_f64, 0.4, 0.2, 0.3][drawn.id as usize].ln();
        assert!((drawn.log_prob - expected).abs() < 1e-6);
    }
    assert_eq!(counts, [100, 400, 200, 300]);
}

#[test]
fn the_ends_of_the_unit_interval_are_the_first_and_last_kept_token() {
    let config = SamplerConfig { top_k: 2, ..config() };
    let distribution = Distribution::new(&tenths(), &[], &config);
    assert_eq!(distribution.draw(0.0).id, 1);
    assert_eq!(distribution.draw(1.0 - f64::EPSILON / 2.0).id, 3);
}

#[test]
fn a_uniform_at_the_end_of_a_tokens_share_draws_the_next() {
    // Two equal tokens: the first holds [0, ½), and ½ itself belongs to the second.
    let distribution = Distribution::new(&[0.0, 0.0], &[], &config());
    assert_eq!(distribution.draw(0.5 - f64::EPSILON).id, 0);
    assert_eq!(distribution.draw(0.5).id, 1);
}

#[test]
fn a_token_is_kept_down_to_the_smallest_normal_number() {
    // e^−87.3 = 1.2e-38 is the last relative probability that is told from 0.
    let kept = |logit: f32| Distribution::new(&[0.0, logit], &[], &config()).probs().count();
    assert_eq!((kept(-87.3), kept(-87.31)), (2, 1));
}

/// Tokens by falling logit, of equals the lower id first, with their softmax probabilities.
fn ranked(logits: &[f32]) -> Vec<(u32, f64)> {
    let max = logits.iter().copied().fold(f32::MIN, f32::max);
    let weights = logits.iter().map(|&l| f64::from(l - max).exp());
    let total: f64 = weights.clone().sum();
    let mut ranked: Vec<_> = (0..).zip(weights.map(|w| w / total)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
}

fn kept(logits: &[f32], config: &SamplerConfig) -> Vec<u32> {
    Distribution::new(logits, &[], config).probs().map(|(id, _)| id).collect()
}

/// Few distinct values, so that ties are common; long enough to need several blocks of selection.
fn logits() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec((-24_i8..24).prop_map(|x| f32::from(x) / 4.0), 1..700)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn top_p_is_the_shortest_sufficient_head(logits in logits(), top_p in 0.01_f64..0.9999) {
        let config = SamplerConfig { top_p, ..Default::default() };
        let kept = kept(&logits, &config);
        let ranked = ranked(&logits);
        let mut head: Vec<u32> = ranked[..kept.len()].iter().map(|&(id, _)| id).collect();
        head.sort_unstable();
        prop_assert_eq!(&kept, &head);
        let mass = |n: usize| ranked[..n].iter().map(|&(_, p)| p).sum::<f64>();
        prop_assert!(mass(kept.len()) >= top_p - 1e-9);
        prop_assert!(mass(kept.len() - 1) < top_p + 1e-9);
    }

    #[test]
    fn top_k_is_everything_at_least_as_likely_as_the_kth(logits in logits(), k in 1_usize..800) {
        let config = SamplerConfig { top_k: k, ..Default::default() };
        let mut sorted = logits.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let threshold = sorted[k.min(sorted.len()) - 1];
        let expected: Vec<u32> =
            (0..).zip(&logits).filter(|&(_, &l)| l >= threshold).map(|(id, _)| id).collect();
        prop_assert_eq!(kept(&logits, &config), expected);
    }

    #[test]
    fn any_filters_leave_a_distribution_with_the_likeliest_token(
        logits in logits(),
        (top_p, min_p, top_k) in (0.01_f64..1.0, 0.0_f64..1.0, 0_usize..50),
        (temperature, uniform) in (0.05_f64..5.0, 0.0_f64..1.0),
    ) {
        let config = SamplerConfig { temperature, top_p, top_k, min_p, ..Default::default() };
        let distribution = Distribution::new(&logits, &[], &config);
        let probs: Vec<_> = distribution.probs().collect();
        prop_assert!((probs.iter().map(|&(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(probs.iter().any(|&(id, _)| id == ranked(&logits)[0].0));
        let drawn = distribution.draw(uniform);
        prop_assert!(probs.iter().any(|&(id, _)| id == drawn.id));
    }
}
