//! Direction, extremes and absent responses.

use d2o_objective::ObjectiveConfig;
use proptest::prelude::*;

use crate::sample::{Place, Sample, all_objectives, assert_close, values};

/// Objectives whose loss has its optimum at a finite score, past which it turns around.
fn has_a_target(config: &ObjectiveConfig) -> bool {
    match config {
        ObjectiveConfig::Dpo { label_smoothing, .. } => *label_smoothing > 0.0,
        ObjectiveConfig::Ipo { .. } | ObjectiveConfig::CalDpo { .. } => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn likelier_anchors_or_a_rarer_rejected_answer_never_cost(seed: u64, step in 0.01f64..8.0) {
        let sample = Sample::new(4, 3, seed);
        let mut likelier = sample.clone();
        likelier.anchors.policy[3 + seed as usize % 3] += step;
        let mut rarer = sample.clone();
        rarer.rejected.policy[1] -= step;
        for config in all_objectives().into_iter().filter(|c| !has_a_target(c)) {
            let before = sample.losses(&config)[1];
            prop_assert!(likelier.losses(&config)[1] <= before + 1e-12);
            prop_assert!(rarer.losses(&config)[1] <= before + 1e-12);
        }
    }

    #[test]
    fn d2o_strictly_prefers_a_better_anchor(seed: u64, step in 0.1f64..8.0) {
        let config = ObjectiveConfig::default();
        let sample = Sample::new(1, 3, seed);
        let mut better = sample.clone();
        better.anchors.policy[0] += step;
        prop_assert!(better.losses(&config)[0] < sample.losses(&config)[0]);
    }
}

#[test]
fn targets_are_where_the_slope_changes_sign() {
    // IPO: (x − 1/(2τ))² has its minimum where the per-token margin is 1/(2τ) = 1.25.
    let config = ObjectiveConfig::Ipo { tau: 0.4 };
    let mut sample = Sample::new(3, 1, 30).at_reference();
    for (row, margin) in [1.0, 1.25, 1.5].into_iter().enumerate() {
        sample.anchors.policy[row] += margin * sample.anchors.tokens[row];
    }
    let weight = values(config.weight(&sample.group(&Place::double())).unwrap());
    // −2(x − 1.25)
    assert_close(&weight, &[0.5, 0.0, -0.5], 1e-12);
}

#[test]
fn ten_thousand_nats_either_way_stay_finite_in_single_precision() {
    for config in all_objectives() {
        for (anchor, rejected) in [(1e4, -1e4), (-1e4, 1e4), (1e4, 1e4), (-1e4, -1e4)] {
            let mut sample = Sample::new(2, 2, 31);
            sample.anchors.policy.fill(anchor);
            sample.rejected.policy.fill(rejected);
            let mut group = sample.group(&Place::single().autodiff());
            group.anchors.policy = group.anchors.policy.require_grad();
            group.rejected.policy = group.rejected.policy.require_grad();
            let closed = config.score_gradients(&group);
            let loss = config.forward(&group);
            let mut seen = values(loss.per_example.clone());
            seen.extend(values(loss.diagnostics.h));
            seen.extend(values(loss.diagnostics.w));
            seen.extend(values(closed.anchors));
            seen.extend(values(closed.rejected));
            let gradients = loss.per_example.sum().backward();
            seen.extend(group.anchors.policy.grad(&gradients).map_or(vec![], values));
            seen.extend(group.rejected.policy.grad(&gradients).map_or(vec![], values));
            assert!(seen.iter().all(|v| v.is_finite()), "{}: {seen:?}", config.name());
        }
    }
}

#[test]
fn an_absent_rejected_answer_adds_nothing_to_d2o() {
    let mut sample = Sample::new(2, 3, 32);
    let rejected = &mut sample.rejected;
    for column in [&mut rejected.policy, &mut rejected.reference, &mut rejected.tokens] {
        column.fill(0.0);
    }
    let with = ObjectiveConfig::D2o { beta: 0.2, alpha: 0.5 };
    let without = ObjectiveConfig::D2o { beta: 0.2, alpha: 0.0 };
    assert_close(&sample.losses(&with), &sample.losses(&without), 0.0);
    // Per-token objectives divide by the length: 0 tokens must not become 0/0.
    assert_close(&sample.losses(&ObjectiveConfig::GradientAscent {}), &[0.0; 2], 0.0);
}

#[test]
#[should_panic]
fn anchors_and_references_of_different_shape_are_a_bug() {
    let mut group = Sample::new(2, 3, 33).group(&Place::single());
    group.anchors.reference = Sample::new(2, 2, 33).group(&Place::single()).anchors.reference;
    ObjectiveConfig::default().forward(&group);
}
