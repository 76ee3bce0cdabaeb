//! Gradients of log-probabilities against finite differences of the scalar model.

use d2o_model::{Placement, Trainable};

use crate::scalar::Scalar;
use crate::tiny::{batch, config, device, ids, model, row, slopes, targets, weights};

/// Index in Hugging Face's layout of the value at `index` here: linear maps are transposed.
fn in_file(name: &str, shape: &[usize], index: usize) -> usize {
    match shape {
        [out, input] if name != "model.embed_tokens.weight" => index % out * input + index / out,
        _ => index,
    }
}

#[test]
fn every_tensor_has_the_slope_of_the_definition() {
    for tied in [false, true] {
        let (ids, next) = (ids(1, 7), ids(2, 7));
        let config = config(tied);
        let base = model(tied);
        let mut scalar = Scalar { config: &config, weights: weights(&base) };
        let model = base.train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap();
        let hidden = row(&model.hidden(batch(std::slice::from_ref(&ids)), &Placement::causal(1, 7, &device())), 0);
        let found = slopes(&model, model.log_probs(hidden, targets(&next), 3).sum());
        let trained = model.trainable();
        assert_eq!(trained.len(), found.len());
        for ((name, _), slopes) in trained.iter().zip(found) {
            // The steepest place of each tensor and a fixed one.
            let steepest = (0..slopes.len()).max_by(|&a, &b| slopes[a].abs().total_cmp(&slopes[b].abs()));
            for index in [steepest.unwrap(), slopes.len() / 3] {
                let shape = scalar.weights[name].0.clone();
                let place = in_file(name, &shape, index);
                let mut at = |offset: f32| {
                    let value = scalar.weights[name].1[place];
                    scalar.weights.get_mut(name).unwrap().1[place] = value + offset;
                    let moved = f64::from(scalar.weights[name].1[place]);
                    let log_prob = scalar.log_prob(&ids, &next);
                    scalar.weights.get_mut(name).unwrap().1[place] = value;
                    (moved, log_prob)
                };
                let ((right, above), (left, below)) = (at(1e-3), at(-1e-3));
                let expected = (above - below) / (right - left);
                let slope = f64::from(slopes[index]);
                assert!(
                    (slope - expected).abs() < 2e-4 * expected.abs().max(1.0),
                    "{name}: {slope} against {expected}"
                );
            }
        }
    }
}
