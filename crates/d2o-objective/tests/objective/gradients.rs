//! Closed form = automatic differentiation = central differences, for every objective.

use burn::tensor::Tensor;
use d2o_objective::{ObjectiveConfig, log_one_minus_exp, log_sigmoid};

use crate::sample::{Place, Sample, all_objectives, assert_close, automatic, tracked, values};

/// The tracked gradient, zeros where the loss does not depend on the leaf.
fn grad<const D: usize>(leaf: &Tensor<D>, gradients: &burn::tensor::Gradients, count: usize) -> Vec<f64> {
    leaf.grad(gradients).map_or_else(|| vec![0.0; count], values)
}

fn closed(config: &ObjectiveConfig, sample: &Sample) -> [Vec<f64>; 2] {
    let gradients = config.score_gradients(&sample.group(&Place::double()));
    [values(gradients.anchors), values(gradients.rejected)]
}

/// `(L(s + ε) − L(s − ε)) / 2ε` for each score in turn.
fn differences(config: &ObjectiveConfig, sample: &Sample) -> [Vec<f64>; 2] {
    const STEP: f64 = 1e-5;
    let difference = |at: &dyn Fn(&mut Sample) -> &mut f64| {
        let total = |by: f64| {
            let mut moved = sample.clone();
            *at(&mut moved) += by;
            moved.losses(config).iter().sum::<f64>()
        };
        (total(STEP) - total(-STEP)) / (2.0 * STEP)
    };
    let anchors = 0..sample.batch * sample.k;
    [
        anchors.map(|i| difference(&|s| &mut s.anchors.policy[i])).collect(),
        (0..sample.batch).map(|i| difference(&|s| &mut s.pushed(config)[i])).collect(),
    ]
}

#[test]
fn closed_form_automatic_and_finite_differences_agree() {
    for config in all_objectives() {
        for k in [1, 3] {
            let sample = Sample::new(3, k, 21);
            let closed = closed(&config, &sample);
            let automatic = automatic(&config, &tracked(&sample, Place::double()));
            let differences = differences(&config, &sample);
            for part in 0..2 {
                assert_close(&closed[part], &automatic[part], 1e-12);
                assert_close(&closed[part], &differences[part], 1e-7);
            }
        }
    }
}

#[test]
fn d2o_gradients_are_w_times_the_coefficients() {
    let (beta, alpha, k) = (0.1, 0.3, 4);
    let config = ObjectiveConfig::D2o { beta, alpha };
    let sample = Sample::new(5, k, 22);
    let w = values(config.forward(&sample.group(&Place::double())).diagnostics.w);
    let [anchors, rejected] = closed(&config, &sample);
    for (row, w) in w.iter().enumerate() {
        assert_close(&anchors[row * k..(row + 1) * k], &[-beta / k as f64 * w; 4], 1e-15);
        assert_close(&rejected[row..=row], &[alpha * w], 1e-15);
    }
}

/// At the first step the policy is the reference and `w = ½`. A `log σ` through `|x|` has a wrong gradient
/// exactly there, in the precision that training uses.
#[test]
fn the_first_step_has_half_the_coefficients_as_gradient() {
    let sample = Sample::new(2, 2, 23).at_reference();
    let group = tracked(&sample, Place::single());
    let config = ObjectiveConfig::D2o { beta: 0.1, alpha: 0.4 };
    let gradients = config.forward(&group).per_example.sum().backward();
    assert_close(&grad(&group.anchors.policy, &gradients, 4), &[-0.025; 4], 1e-7);
    assert_close(&grad(&group.rejected.policy, &gradients, 2), &[0.2; 2], 1e-7);
}

#[test]
fn the_log_sigmoid_keeps_its_gradient_at_zero_and_far_out() {
    let arguments = [-1e4, -20.0, 0.0, 20.0, 60.0, 1e4];
    let at = Place::single().autodiff();
    let x = at.tensor(&arguments, [6]).require_grad();
    let gradients = grad(&x, &log_sigmoid(x.clone()).sum().backward(), 6);
    assert_eq!([gradients[0], gradients[2], gradients[5]], [1.0, 0.5, 0.0]);
    for (gradient, argument) in gradients.iter().zip(arguments).skip(3).take(2) {
        assert!((gradient / (-argument).exp() - 1.0).abs() < 1e-5, "lost precision at {argument}");
    }
}

/// `d/dx log(1 − exp(x)) = −p/(1 − p)`: also close to 0 and to 1, and at a token that is cut off.
#[test]
fn the_avoidance_keeps_its_gradient_at_both_ends() {
    let arguments: [f64; 7] = [-80.0, -20.0, -1.0, -0.5, -1e-3, -1e-6, 0.0];
    let at = Place::single().autodiff();
    let x = at.tensor(&arguments, [7]).require_grad();
    let avoided = log_one_minus_exp(x.clone());
    let gradients = grad(&x, &avoided.clone().sum().backward(), 7);
    for ((value, gradient), argument) in values(avoided).iter().zip(gradients).zip(arguments) {
        let argument = argument.min(-1e-6);
        let rest = -argument.exp_m1();
        assert!((value / (-argument.exp()).ln_1p().max(-14.0) - 1.0).abs() < 1e-4, "value at {argument}: {value}");
        assert!((gradient / (-argument.exp() / rest) - 1.0).abs() < 1e-4, "gradient at {argument}: {gradient}");
    }
}

#[test]
fn no_gradient_reaches_a_reference_or_a_length() {
    for config in all_objectives() {
        let mut group = tracked(&Sample::new(2, 3, 24), Place::double());
        group.anchors.reference = group.anchors.reference.require_grad();
        group.rejected.reference = group.rejected.reference.require_grad();
        group.anchors.tokens = group.anchors.tokens.require_grad();
        group.rejected.tokens = group.rejected.tokens.require_grad();
        let gradients = config.forward(&group).per_example.sum().backward();
        assert!(
            automatic(&config, &tracked(&Sample::new(2, 3, 24), Place::double())).concat().iter().any(|g| *g != 0.0)
        );
        assert!(group.anchors.reference.grad(&gradients).is_none());
        assert!(group.rejected.reference.grad(&gradients).is_none());
        assert!(group.anchors.tokens.grad(&gradients).is_none());
        assert!(group.rejected.tokens.grad(&gradients).is_none());
    }
}

#[test]
fn references_may_live_on_the_plain_device() {
    let sample = Sample::new(2, 3, 25);
    for config in all_objectives() {
        let mut group = tracked(&sample, Place::double());
        let plain = sample.group(&Place::double());
        group.anchors.reference = plain.anchors.reference;
        group.anchors.tokens = plain.anchors.tokens;
        group.rejected.reference = plain.rejected.reference;
        group.rejected.tokens = plain.rejected.tokens;
        let (automatic, closed) = (automatic(&config, &group), closed(&config, &sample));
        assert_close(&automatic[0], &closed[0], 1e-12);
        assert_close(&automatic[1], &closed[1], 1e-12);
    }
}

#[test]
fn diagnostics_and_closed_forms_are_outside_the_graph() {
    for config in all_objectives() {
        let group = tracked(&Sample::new(2, 2, 26), Place::double());
        let seen = config.forward(&group).diagnostics;
        let gradients = config.score_gradients(&group);
        assert!(!gradients.anchors.is_autodiff());
        for figure in [
            seen.h,
            seen.w,
            seen.anchor_log_ratio,
            seen.rejected_log_ratio,
            seen.reward_margin,
            seen.reward_accuracy,
            gradients.rejected,
        ] {
            assert!(!figure.is_autodiff());
        }
    }
}

#[test]
fn closed_form_and_automatic_agree_at_the_reference_too() {
    for config in all_objectives() {
        let sample = Sample::new(2, 3, 27).at_reference();
        let closed = closed(&config, &sample);
        let automatic = automatic(&config, &tracked(&sample, Place::double()));
        for part in 0..2 {
            assert_close(&closed[part], &automatic[part], 1e-12);
        }
        assert!(closed.concat().iter().any(|gradient| *gradient != 0.0), "{} stands still", config.name());
    }
}
