//! Every family against what transformers computed in float64.

use d2o_model::Trainable;

use crate::golden::{FAMILIES, golden, gradients};
use crate::parity::{report, worst};
use crate::tiny::{device, floats};

/// What the fixtures' README advises for f32.
const TOLERANCE: f64 = 1e-4;

#[test]
fn logits_and_log_probs_are_those_of_transformers() {
    for name in FAMILIES {
        let golden = golden(name);
        report(name, "logits", TOLERANCE, worst(&golden.logits(&golden.model), &golden.logits));
        let log_probs = floats(golden.log_probs(&golden.model));
        report(name, "log-probabilities", TOLERANCE, worst(&log_probs, &golden.log_probs));
    }
}

/// `Σ g²` under the root, and `Σ g_i cos i` over Hugging Face's order of the values.
fn figures(shape: &[usize], as_in_file: bool, gradient: &[f32]) -> [f64; 2] {
    let norm = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
    let in_file = |index: usize| match shape {
        [input, out] if !as_in_file => index % out * input + index / out,
        _ => index,
    };
    let terms = gradient.iter().enumerate().map(|(i, &g)| f64::from(g) * (in_file(i) as f64).cos());
    [norm, terms.sum()]
}

#[test]
fn gradients_are_those_of_transformers() {
    for name in FAMILIES {
        let golden = golden(name);
        let policy = golden.model.train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap();
        let found = gradients(&policy, &golden.log_probs(&policy).sum().neg().backward());
        assert_eq!(found.keys().collect::<Vec<_>>(), golden.gradients.keys().collect::<Vec<_>>(), "{name}");
        let mut differences = [0f64; 2];
        for (tensor, expected) in &golden.gradients {
            let (shape, gradient) = &found[tensor];
            // Maps are transposed here, but for GPT-2's.
            let as_in_file = tensor.contains("embed") || tensor.starts_with("transformer.");
            let found = figures(shape, as_in_file, gradient);
            assert!(expected[0] > 1e-3, "{name}: {tensor} has a gradient to compare with");
            for (worst, (found, value)) in differences.iter_mut().zip(found.iter().zip(expected)) {
                *worst = worst.max((found - value).abs() / expected[0]);
            }
        }
        report(name, "gradient norms, relative", TOLERANCE, differences[0]);
        report(name, "gradients' layout and sign, relative", TOLERANCE, differences[1]);
    }
}
