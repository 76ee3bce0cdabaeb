//! The identities of the D²O loss.

use d2o_objective::{Divergence, ObjectiveConfig};
use proptest::prelude::*;

use crate::sample::{Columns, Place, Sample, all_objectives, assert_close, values};

fn d2o(beta: f64, alpha: f64) -> ObjectiveConfig {
    ObjectiveConfig::D2o { beta, alpha }
}

fn dpo(beta: f64) -> ObjectiveConfig {
    ObjectiveConfig::Dpo { beta, label_smoothing: 0.0 }
}

#[test]
fn policy_equal_to_both_references_gives_ln_2_and_a_half() {
    let sample = Sample::new(3, 5, 1).at_reference();
    let loss = d2o(0.1, 0.3).forward(&sample.group(&Place::double()));
    assert_close(&values(loss.per_example), &[std::f64::consts::LN_2; 3], 1e-15);
    assert_close(&values(loss.diagnostics.h), &[0.0; 3], 0.0);
    assert_close(&values(loss.diagnostics.w), &[0.5; 3], 1e-15);
}

#[test]
fn one_anchor_with_equal_strengths_is_dpo() {
    let sample = Sample::new(6, 1, 2);
    assert_close(&sample.losses(&d2o(0.3, 0.3)), &sample.losses(&dpo(0.3)), 1e-15);
}

#[test]
fn without_anchors_it_is_half_alpha_times_npo() {
    let alpha = 0.4;
    let sample = Sample::new(6, 3, 3);
    let npo = sample.losses(&ObjectiveConfig::Npo { beta: alpha });
    let halved: Vec<_> = npo.iter().map(|loss| alpha / 2.0 * loss).collect();
    assert_close(&sample.losses(&d2o(0.0, alpha)), &halved, 1e-14);
}

/// With one pair in the batch there is nothing to sort: optimal transport is DPO.
#[test]
fn one_pair_alone_makes_optimal_transport_dpo() {
    for seed in 0..4 {
        let sample = Sample::new(1, 1, seed);
        let expected = sample.losses(&ObjectiveConfig::Dpo { beta: 0.2, label_smoothing: 0.1 });
        let (beta, label_smoothing) = (0.2, 0.1);
        assert_close(&sample.losses(&ObjectiveConfig::Aot { beta, label_smoothing }), &expected, 1e-12);
        assert_close(&sample.losses(&ObjectiveConfig::AotUnpaired { beta, label_smoothing }), &expected, 1e-12);
    }
}

/// `g(Δ) = (exp((α−1)Δ) − 1)/(α−1)` tends to `Δ` for `α → 1`.
#[test]
fn an_alpha_divergence_close_to_one_is_dpo() {
    let sample = Sample::new(5, 2, 6);
    let close = ObjectiveConfig::FDpo { beta: 0.2, divergence: Divergence::Alpha(1.0 + 1e-7) };
    assert_close(&sample.losses(&close), &sample.losses(&dpo(0.2)), 1e-5);
}

#[test]
fn copies_of_one_anchor_are_one_anchor() {
    let one = Sample::new(4, 1, 4);
    let copy = |values: &[f64]| values.iter().flat_map(|v| [*v; 7]).collect();
    let seven = Sample {
        k: 7,
        anchors: Columns {
            policy: copy(&one.anchors.policy),
            reference: copy(&one.anchors.reference),
            tokens: copy(&one.anchors.tokens),
        },
        ..one.clone()
    };
    for config in all_objectives() {
        assert_close(&seven.losses(&config), &one.losses(&config), 1e-12);
    }
}

/// With `q` in eighths, eight anchors that list each outcome as often as `q` says make the mean over
/// anchors the expectation under `q`: `E_q[log π_θ/π_r] = KL(q‖π_r) − KL(q‖π_θ)`.
#[test]
fn anchors_from_q_pull_the_policy_towards_q() {
    let outcomes = [0, 0, 0, 0, 1, 1, 1, 2];
    let q = [4.0 / 8.0, 3.0 / 8.0, 1.0 / 8.0];
    let policy = [0.2f64, 0.7, 0.1];
    let reference = [0.3f64, 0.1, 0.6];
    let divergence = |p: [f64; 3]| -> f64 { (0..3).map(|y| q[y] * (q[y] / p[y]).ln()).sum() };
    let sample = Sample {
        batch: 1,
        k: 8,
        anchors: Columns {
            policy: outcomes.map(|y: usize| policy[y].ln()).to_vec(),
            reference: outcomes.map(|y: usize| reference[y].ln()).to_vec(),
            tokens: vec![1.0; 8],
        },
        rejected: Columns { policy: vec![policy[2].ln()], reference: vec![reference[2].ln()], tokens: vec![1.0] },
        avoidance: vec![0.0],
    };
    let seen = d2o(0.1, 0.1).forward(&sample.group(&Place::double())).diagnostics;
    let expected = divergence(reference) - divergence(policy);
    assert_close(&values(seen.anchor_log_ratio), &[expected], 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Concavity of `log σ`: the D²O loss is at most the mean of the DPO losses of its pairs.
    #[test]
    fn at_most_the_mean_dpo_loss(seed: u64, k in 1usize..8, strength in 0.01f64..2.0) {
        let sample = Sample::new(16, k, seed);
        let ours = sample.losses(&d2o(strength, strength));
        for (row, mean_dpo) in sample.losses(&dpo(strength)).into_iter().enumerate() {
            prop_assert!(ours[row] <= mean_dpo * (1.0 + 1e-12) + 1e-12);
        }
    }

    /// DPO of several anchors is the mean of DPO with each anchor alone.
    #[test]
    fn dpo_pairs_each_anchor_with_the_rejected_answer(seed: u64, k in 1usize..6) {
        let sample = Sample::new(3, k, seed);
        let mut mean = vec![0.0; 3];
        for i in 0..k {
            for (sum, loss) in mean.iter_mut().zip(sample.only_anchor(i).losses(&dpo(0.1))) {
                *sum += loss / k as f64;
            }
        }
        assert_close(&sample.losses(&dpo(0.1)), &mean, 1e-12);
    }

    #[test]
    fn the_order_of_anchors_does_not_matter(seed: u64, k in 2usize..8, shift in 1usize..7) {
        let sample = Sample::new(3, k, seed);
        let mut turned = sample.clone();
        for row in 0..3 {
            let range = row * k..(row + 1) * k;
            turned.anchors.policy[range.clone()].rotate_left(shift % k);
            turned.anchors.reference[range.clone()].rotate_left(shift % k);
            turned.anchors.tokens[range].rotate_left(shift % k);
        }
        for config in all_objectives() {
            assert_close(&turned.losses(&config), &sample.losses(&config), 1e-12);
        }
    }

    /// The same groups in another order have the same losses in that order.
    #[test]
    fn the_order_of_groups_does_not_matter(seed: u64, batch in 2usize..6, k in 1usize..4, shift in 1usize..5) {
        let sample = Sample::new(batch, k, seed);
        let shift = shift % batch;
        let mut turned = sample.clone();
        for (columns, width) in [(&mut turned.anchors, k), (&mut turned.rejected, 1)] {
            columns.policy.rotate_left(shift * width);
            columns.reference.rotate_left(shift * width);
            columns.tokens.rotate_left(shift * width);
        }
        turned.avoidance.rotate_left(shift);
        for config in all_objectives() {
            let mut expected = sample.losses(&config);
            expected.rotate_left(shift);
            assert_close(&turned.losses(&config), &expected, 1e-12);
        }
    }
}
