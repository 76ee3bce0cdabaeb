//! Direction, extremes and absent responses.

use d2o_objective::ObjectiveConfig;
use proptest::prelude::*;

use crate::sample::{Place, Sample, all_objectives, assert_close, automatic, tracked, values};

/// Objectives whose loss has its optimum at a finite score, past which it turns around.
fn has_a_target(config: &ObjectiveConfig) -> bool {
    match config {
        ObjectiveConfig::Dpo { label_smoothing, .. }
        | ObjectiveConfig::Aot { label_smoothing, .. }
        | ObjectiveConfig::AotUnpaired { label_smoothing, .. } => *label_smoothing > 0.0,
        ObjectiveConfig::Ipo { .. }
        | ObjectiveConfig::CalDpo { .. }
        | ObjectiveConfig::ExoPair { .. }
        | ObjectiveConfig::NcaPair { .. }
        | ObjectiveConfig::SppoHard { .. }
        // Lowers the anchors too, and is not monotone where its branches meet.
        | ObjectiveConfig::ApoDown { .. }
        | ObjectiveConfig::Discopop { .. } => true,
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
            // The whole batch: optimal transport may hand a pair's loss on to another pair.
            let total = |sample: &Sample| sample.losses(&config).iter().sum::<f64>();
            let most = total(&sample) + 1e-12 * total(&sample).abs().max(1.0);
            prop_assert!(total(&likelier) <= most, "{}: anchor", config.name());
            prop_assert!(total(&rarer) <= most, "{}: rejected", config.name());
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    /// Anywhere up to ten thousand nats, a gradient in single precision is zero only where the mathematics,
    /// in double precision, is flat (a closed hinge) or below what single precision can hold.
    #[test]
    fn a_gradient_vanishes_only_where_the_mathematics_does(
        scores in prop::array::uniform4(-1e4f32..1e4), small in prop::array::uniform4(-9f32..9.0), near: bool,
    ) {
        let mut sample = Sample::new(1, 1, 34);
        let at = |i: usize, base: f64| if near { (base as f32 + small[i]).into() } else { f64::from(scores[i]) };
        sample.anchors.reference[0] = at(0, -40.0);
        sample.anchors.policy[0] = at(1, -40.0);
        sample.rejected.reference[0] = at(2, -50.0);
        sample.rejected.policy[0] = at(3, -50.0);
        for config in all_objectives() {
            let single = automatic(&config, &tracked(&sample, Place::single())).concat();
            let gradients = config.score_gradients(&sample.group(&Place::single()));
            let closed = [values(gradients.anchors), values(gradients.rejected)].concat();
            let exact = config.score_gradients(&sample.group(&Place::double()));
            let exact = [values(exact.anchors), values(exact.rejected)].concat();
            for ((single, closed), exact) in single.iter().zip(&closed).zip(&exact) {
                prop_assert!(single.is_finite() && closed.is_finite());
                // Products of two gradients that are each representable need not be.
                let gone = exact.abs() < 1e-30;
                prop_assert!(gone || *single != 0.0, "{}: automatic, {exact}", config.name());
                prop_assert!(gone || *closed != 0.0, "{}: closed form, {exact}", config.name());
            }
        }
    }
}

#[test]
fn targets_are_where_the_gradient_changes_sign() {
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
            let group = tracked(&sample, Place::single());
            let closed = config.score_gradients(&group);
            let loss = config.forward(&group);
            let mut seen = values(loss.per_example.clone());
            seen.extend(values(loss.diagnostics.h));
            seen.extend(values(loss.diagnostics.w));
            seen.extend(values(closed.anchors));
            seen.extend(values(closed.rejected));
            seen.extend(automatic(&config, &group).concat());
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
