//! Every loss against its equation, written a second time for plain numbers.

use d2o_objective::{Divergence, ObjectiveConfig, log_sigmoid};

use crate::sample::{Place, Sample, all_objectives, assert_close, values};

fn ln_sigma(x: f64) -> f64 {
    -(-x).exp().ln_1p()
}

fn sigma(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Score, log-ratio and length of one response.
#[derive(Clone, Copy)]
struct Response {
    s: f64,
    ratio: f64,
    len: f64,
}

fn pair(config: &ObjectiveConfig, w: Response, l: Response) -> f64 {
    use ObjectiveConfig::*;
    match *config {
        Dpo { beta, label_smoothing } => {
            let z = beta * (w.ratio - l.ratio);
            -(1.0 - label_smoothing) * ln_sigma(z) - label_smoothing * ln_sigma(-z)
        }
        Sft {} => -w.s / w.len,
        Npo { beta } => -2.0 / beta * ln_sigma(-beta * l.ratio),
        GradientAscent {} => l.s / l.len,
        Ipo { tau } => (w.ratio / w.len - l.ratio / l.len - 1.0 / (2.0 * tau)).powi(2),
        Slic { delta, lambda } => (delta - w.s + l.s).max(0.0) - lambda * w.s,
        SimPo { beta, gamma } => -ln_sigma(beta * w.s / w.len - beta * l.s / l.len - gamma),
        Kto { beta, desirable, undesirable, reference_point: z } => {
            desirable * (1.0 - sigma(beta * (w.ratio - z))) + undesirable * (1.0 - sigma(beta * (z - l.ratio)))
        }
        SimNpo { beta, gamma } => -2.0 / beta * ln_sigma(beta * (-l.s / l.len - gamma)),
        Rpo { beta, nll_weight } => -ln_sigma(beta * (w.ratio - l.ratio)) - nll_weight * w.s / w.len,
        Dpop { beta, lambda } => -ln_sigma(beta * (w.ratio - l.ratio - lambda * (-w.ratio).max(0.0))),
        CalDpo { beta } => {
            let target = 1.0 / (2.0 * beta);
            let misses = (w.ratio - target).powi(2) + (l.ratio + target).powi(2);
            -ln_sigma(w.ratio - l.ratio) + 0.5 * misses
        }
        Hinge { beta } => (1.0 - beta * (w.ratio - l.ratio)).max(0.0),
        Robust { beta, label_smoothing: e } => {
            let z = beta * (w.ratio - l.ratio);
            (-(1.0 - e) * ln_sigma(z) + e * ln_sigma(-z)) / (1.0 - 2.0 * e)
        }
        ExoPair { beta, label_smoothing: e } => {
            let z = beta * (w.ratio - l.ratio);
            sigma(z) * (ln_sigma(z) - (1.0 - e).ln()) + sigma(-z) * (ln_sigma(-z) - e.ln())
        }
        NcaPair { beta } => {
            -ln_sigma(beta * w.ratio) - 0.5 * ln_sigma(-beta * w.ratio) - 0.5 * ln_sigma(-beta * l.ratio)
        }
        BcoPair { beta } => -ln_sigma(beta * w.ratio) - ln_sigma(-beta * l.ratio),
        SppoHard { beta } => (w.ratio - 0.5 / beta).powi(2) + (l.ratio + 0.5 / beta).powi(2),
        ApoZero { beta } => 1.0 - sigma(beta * w.ratio) + sigma(beta * l.ratio),
        ApoDown { beta } => sigma(beta * w.ratio) + 1.0 - sigma(beta * (w.ratio - l.ratio)),
        Discopop { beta, tau } => {
            let z = beta * (w.ratio - l.ratio);
            -(1.0 - sigma(z / tau)) * ln_sigma(z) + sigma(z / tau) * (-z).exp()
        }
        SigmoidNorm { beta } => -ln_sigma(beta * (w.ratio / w.len - l.ratio / l.len)),
        FDpo { beta, divergence } => {
            let g = |ratio: f64| match divergence {
                Divergence::ForwardKl => -(-ratio).exp(),
                Divergence::JensenShannon => ln_sigma(ratio),
                Divergence::Alpha(alpha) => ((alpha - 1.0) * ratio).exp() / (alpha - 1.0),
                _ => panic!("no equation for {divergence:?}"),
            };
            -ln_sigma(beta * (g(w.ratio) - g(l.ratio)))
        }
        Cpo { beta, nll_weight } => -ln_sigma(beta * (w.s - l.s)) - nll_weight * w.s / w.len,
        Orpo { beta } => {
            let log_odds = |r: Response| r.s / r.len - (1.0 - (r.s / r.len).exp()).ln();
            -w.s / w.len - beta * ln_sigma(log_odds(w) - log_odds(l))
        }
        _ => panic!("{} is not a mean over pairs", config.name()),
    }
}

/// The losses of all pairs of the batch for the objectives that compare sorted samples, by sorting.
fn transported(config: &ObjectiveConfig, sample: &Sample) -> Vec<f64> {
    let pairs = |of_anchor: &[f64], of_rejected: &[f64]| -> Vec<f64> {
        (0..sample.batch * sample.k).map(|i| of_anchor[i] - of_rejected[i / sample.k]).collect()
    };
    let (w, l) = (&sample.anchors, &sample.rejected);
    let zeros = vec![0.0; sample.batch];
    let anchor_zeros = vec![0.0; sample.batch * sample.k];
    let (own, other, beta, e) = match *config {
        ObjectiveConfig::Aot { beta, label_smoothing } => {
            (pairs(&w.policy, &l.policy), pairs(&w.reference, &l.reference), beta, label_smoothing)
        }
        ObjectiveConfig::AotUnpaired { beta, label_smoothing } => {
            let own: Vec<_> = w.policy.iter().zip(&w.reference).map(|(p, r)| p - r).collect();
            let other: Vec<_> = l.reference.iter().zip(&l.policy).map(|(r, p)| r - p).collect();
            (pairs(&own, &zeros), pairs(&anchor_zeros, &other), beta, label_smoothing)
        }
        _ => panic!("{} compares no sorted samples", config.name()),
    };
    let mut order: Vec<usize> = (0..own.len()).collect();
    order.sort_by(|&a, &b| own[a].total_cmp(&own[b]));
    let mut sorted = other;
    sorted.sort_by(f64::total_cmp);
    let mut losses = vec![0.0; own.len()];
    for (rank, index) in order.into_iter().enumerate() {
        let z = beta * (own[index] - sorted[rank]);
        losses[index] = -(1.0 - e) * ln_sigma(z) - e * ln_sigma(-z);
    }
    losses
}

fn expected(config: &ObjectiveConfig, sample: &Sample) -> Vec<f64> {
    let response = |columns: &crate::sample::Columns, i: usize| Response {
        s: columns.policy[i],
        ratio: columns.policy[i] - columns.reference[i],
        len: columns.tokens[i],
    };
    let row = |b: usize| {
        let l = response(&sample.rejected, b);
        let anchors: Vec<_> = (0..sample.k).map(|i| response(&sample.anchors, b * sample.k + i)).collect();
        let mean = |f: &dyn Fn(Response) -> f64| anchors.iter().map(|&w| f(w)).sum::<f64>() / sample.k as f64;
        match *config {
            ObjectiveConfig::D2o { beta, alpha } => -ln_sigma(beta * mean(&|w| w.ratio) - alpha * l.ratio),
            ObjectiveConfig::Unlikelihood {} => -sample.avoidance[b],
            ObjectiveConfig::Aot { .. } | ObjectiveConfig::AotUnpaired { .. } => {
                transported(config, sample)[b * sample.k..(b + 1) * sample.k].iter().sum::<f64>() / sample.k as f64
            }
            _ => mean(&|w| pair(config, w, l)),
        }
    };
    (0..sample.batch).map(row).collect()
}

#[test]
fn every_objective_computes_its_equation() {
    for config in all_objectives() {
        for k in [1, 4] {
            let sample = Sample::new(5, k, 7);
            assert_close(&sample.losses(&config), &expected(&config, &sample), 1e-12);
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    for config in all_objectives() {
        let sample = Sample::new(5, 4, 11);
        let single = config.forward(&sample.group(&Place::single())).per_example;
        // Scores of up to 100 nats carry an f32 rounding of about 4e-6.
        assert_close(&values(single), &sample.losses(&config), 1e-4);
    }
}

#[test]
fn diagnostics_keep_anchors_and_rejected_apart() {
    let sample = Sample {
        batch: 2,
        k: 2,
        anchors: crate::sample::Columns {
            policy: vec![-10.0, -12.0, -8.0, -9.0],
            reference: vec![-11.0, -15.0, -6.0, -5.0],
            tokens: vec![4.0; 4],
        },
        rejected: crate::sample::Columns {
            policy: vec![-20.0, -31.0],
            reference: vec![-18.0, -30.0],
            tokens: vec![5.0; 2],
        },
        avoidance: vec![-1.0; 2],
    };
    let config = ObjectiveConfig::D2o { beta: 0.1, alpha: 0.2 };
    let seen = config.forward(&sample.group(&Place::double())).diagnostics;
    // Row 0: anchors (1 + 3)/2 = 2, rejected −2, h = 0.2 + 0.4. Row 1: −3, −1, h = −0.3 + 0.2.
    assert_close(&values(seen.anchor_log_ratio), &[2.0, -3.0], 1e-12);
    assert_close(&values(seen.rejected_log_ratio), &[-2.0, -1.0], 1e-12);
    assert_close(&values(seen.h), &[0.6, -0.1], 1e-12);
    assert_close(&values(seen.w), &[sigma(-0.6), sigma(0.1)], 1e-12);
    assert_close(&values(seen.reward_margin), &[0.6, -0.1], 1e-12);
    assert_close(&values(seen.reward_accuracy), &[1.0, 0.0], 0.0);
}

#[test]
fn weights_and_arguments_explain_the_losses_through_a_sigmoid() {
    let sample = Sample::new(6, 1, 3);
    for config in all_objectives() {
        let scale = match config {
            ObjectiveConfig::D2o { .. }
            | ObjectiveConfig::Dpo { label_smoothing: 0.0, .. }
            | ObjectiveConfig::SimPo { .. }
            | ObjectiveConfig::Dpop { .. }
            | ObjectiveConfig::SigmoidNorm { .. }
            | ObjectiveConfig::FDpo { .. } => 1.0,
            ObjectiveConfig::Npo { beta } | ObjectiveConfig::SimNpo { beta, .. } => 2.0 / beta,
            _ => continue,
        };
        let loss = config.forward(&sample.group(&Place::double()));
        let from_h: Vec<_> = values(loss.diagnostics.h).iter().map(|h| -scale * ln_sigma(*h)).collect();
        let from_w: Vec<_> = values(loss.diagnostics.w).iter().map(|w| -scale * (-w).ln_1p()).collect();
        assert_close(&values(loss.per_example.clone()), &from_h, 1e-12);
        assert_close(&values(loss.per_example), &from_w, 1e-9);
    }
}

#[test]
fn log_sigmoid_is_exact_in_both_tails() {
    let arguments = [-1e4, -100.0, -1.0, 0.0, 1.0, 30.0, 1e4];
    let x = Place::double().tensor(&arguments, [7]);
    let logs = values(log_sigmoid(x.clone()));
    assert_eq!(logs[0], -1e4);
    assert_eq!(logs[3], -std::f64::consts::LN_2);
    assert_eq!(logs[6], 0.0);
    // For large x, log σ(x) = −exp(−x) to first order; a difference 1 − 1 would give 0.
    assert!((logs[5] / -(-30f64).exp() - 1.0).abs() < 1e-12);
    assert_close(&values(d2o_objective::sigmoid(x)), &arguments.map(sigma), 1e-15);
}

#[test]
fn a_divergence_goes_on_along_its_tangent_beyond_fifty_nats() {
    // g(Δ) = −exp(−Δ). From Δ = −50 on it is the tangent there: −e⁵⁰ (1 − 50 − Δ), so −11 e⁵⁰ at Δ = −60. The
    // rejected answer is at its reference, g = −1, and β = e⁻⁵⁰ brings h to −11 + e⁻⁵⁰.
    let beta = (-50f64).exp();
    let mut sample = Sample::new(1, 1, 12).at_reference();
    sample.anchors.policy[0] -= 60.0;
    let config = ObjectiveConfig::FDpo { beta, divergence: Divergence::ForwardKl };
    assert_close(&sample.losses(&config), &[-ln_sigma(-11.0)], 1e-9);
    // There g' = e⁵⁰, so the anchor's gradient is −σ(11) β e⁵⁰ = −σ(11).
    let gradients = config.score_gradients(&sample.group(&Place::double()));
    assert_close(&values(gradients.anchors), &[-sigma(11.0)], 1e-9);
}
