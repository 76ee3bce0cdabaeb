//! Guards around an objective: off they change nothing, on they do what their equation says.

use d2o_objective::{Guards, ObjectiveConfig};

use crate::sample::{Place, Sample, all_objectives, assert_close, values};

const D2O: ObjectiveConfig = ObjectiveConfig::D2o { beta: 0.1, alpha: 0.25 };

fn loss(guards: &Guards, objective: &ObjectiveConfig, sample: &Sample) -> Vec<f64> {
    values(guards.loss(objective, &sample.group(&Place::double())))
}

/// The loss after one score moved by `by`.
fn moved(guards: &Guards, objective: &ObjectiveConfig, sample: &Sample, anchor: Option<usize>, by: f64) -> f64 {
    let mut sample = sample.clone();
    match anchor {
        Some(index) => sample.anchors.policy[index] += by,
        None => sample.rejected.policy[0] += by,
    }
    loss(guards, objective, &sample)[0]
}

#[test]
fn guards_that_are_off_change_nothing() {
    let off = Guards::default();
    assert!(!off.act_on_scores());
    assert!(!Guards { anchor_kl: 1.0, ..off }.act_on_scores() && Guards { anchor_nll: 1.0, ..off }.act_on_scores());
    let sample = Sample::new(3, 4, 5);
    for objective in all_objectives() {
        assert_eq!(loss(&off, &objective, &sample), sample.losses(&objective), "{}", objective.name());
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    let guards = Guards {
        rejected_floor: 3.0,
        rejected_tokens: 12.0,
        anchor_nll: 0.7,
        anchor_hinge: 0.3,
        anchor_slack: 0.5,
        ..Guards::default()
    };
    let step = 1e-5;
    for seed in 0..6 {
        let sample = Sample::new(1, 3, seed);
        for objective in [D2O, ObjectiveConfig::Npo { beta: 0.3 }, ObjectiveConfig::SimPo { beta: 2.0, gamma: 0.5 }] {
            let gradients = guards.score_gradients(&objective, &sample.group(&Place::double()));
            let difference = |anchor| {
                let [up, down] = [step, -step].map(|by| moved(&guards, &objective, &sample, anchor, by));
                (up - down) / (2.0 * step)
            };
            let anchors: Vec<f64> = (0..3).map(|index| difference(Some(index))).collect();
            assert_close(&values(gradients.anchors), &anchors, 1e-6);
            assert_close(&values(gradients.rejected), &[difference(None)], 1e-6);
        }
    }
}

#[test]
fn below_the_floor_the_negative_rests_and_the_anchors_keep_their_weight() {
    let mut sample = Sample::new(1, 2, 1).at_reference();
    sample.rejected.policy[0] -= 50.0;
    let floored = Guards { rejected_floor: 4.0, ..Guards::default() };
    let gradients = floored.score_gradients(&D2O, &sample.group(&Place::double()));
    assert_eq!(values(gradients.rejected), [0.0]);
    // h = 0.25 * 4 = 1 instead of 12.5, so each of two anchors is pulled by 0.1/2 * sigmoid(-1).
    let pull = 0.05 / (1.0 + 1f64.exp());
    assert_close(&values(gradients.anchors), &[-pull, -pull], 1e-9);
    let free = Guards::default().score_gradients(&D2O, &sample.group(&Place::double()));
    assert!(values(free.anchors)[0].abs() < 1e-6);
}

#[test]
fn rejected_answers_of_one_length_weigh_alike() {
    let mut sample = Sample::new(2, 1, 8).at_reference();
    sample.rejected.tokens = vec![5.0, 40.0];
    // Half a nat per token below the reference, both.
    for (policy, (reference, tokens)) in
        sample.rejected.policy.iter_mut().zip(sample.rejected.reference.iter().zip(&sample.rejected.tokens))
    {
        *policy = reference - 0.5 * tokens;
    }
    let losses = loss(&Guards { rejected_tokens: 10.0, ..Guards::default() }, &D2O, &sample);
    // h = 0.25 * 0.5 * 10 for both.
    let expected = (1.0 + (-1.25f64).exp()).ln();
    assert_close(&losses, &[expected, expected], 1e-9);
}

#[test]
fn the_hinge_opens_below_its_slack_only() {
    let mut sample = Sample::new(1, 2, 3).at_reference();
    let guards = Guards { anchor_hinge: 2.0, anchor_slack: 1.0, ..Guards::default() };
    sample.anchors.policy.iter_mut().for_each(|policy| *policy -= 0.9);
    assert_eq!(loss(&guards, &D2O, &sample), sample.losses(&D2O));
    sample.anchors.policy.iter_mut().for_each(|policy| *policy -= 0.6);
    // Mean log-ratio -1.5: half a nat beyond the slack, twice.
    assert_close(&loss(&guards, &D2O, &sample), &[sample.losses(&D2O)[0] + 1.0], 1e-9);
}

#[test]
fn senseless_guards_are_refused() {
    for (guards, field) in [
        (Guards { rejected_floor: -1.0, ..Guards::default() }, "rejected_floor"),
        (Guards { anchor_nll: f64::NAN, ..Guards::default() }, "anchor_nll"),
        (Guards { anchor_kl: -0.5, ..Guards::default() }, "anchor_kl"),
    ] {
        assert!(guards.validate().unwrap_err().to_string().contains(field));
    }
    assert!(toml::from_str::<Guards>("floor = 1.0").is_err());
    assert_eq!(toml::from_str::<Guards>("").unwrap(), Guards::default());
}

fn gradients(guards: &Guards, objective: &ObjectiveConfig, sample: &Sample) -> [Vec<f64>; 2] {
    let gradients = guards.score_gradients(objective, &sample.group(&Place::double()));
    [values(gradients.anchors), values(gradients.rejected)]
}

#[test]
fn guards_that_are_off_change_no_gradient() {
    let sample = Sample::new(3, 4, 5);
    for objective in all_objectives() {
        let bare = objective.score_gradients(&sample.group(&Place::double()));
        let bare = [values(bare.anchors), values(bare.rejected)];
        assert_eq!(gradients(&Guards::default(), &objective, &sample), bare, "{}", objective.name());
    }
}

#[test]
fn the_hinge_pulls_at_each_anchor_only_beyond_its_slack() {
    let guards = Guards { anchor_hinge: 2.0, anchor_slack: 1.0, ..Guards::default() };
    let mut sample = Sample::new(1, 2, 3).at_reference();
    // Mean log-ratios of 0.5 and −0.9 are above −1: closed. At −1.5 each of the two anchors is pulled by 2/2 more.
    for (ratio, pull) in [(0.5, 0.0), (-0.9, 0.0), (-1.5, 1.0)] {
        sample.anchors.policy = sample.anchors.reference.iter().map(|reference| reference + ratio).collect();
        let [bare, _] = gradients(&Guards::default(), &D2O, &sample);
        let [found, _] = gradients(&guards, &D2O, &sample);
        assert_close(&found, &[bare[0] - pull, bare[1] - pull], 1e-12);
    }
}
