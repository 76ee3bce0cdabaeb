//! The forward pass by itself.

use d2o_model::{Placement, load};
use serde_json::json;

use crate::scalar::Scalar;
use crate::tiny::{batch, config, config_json, device, floats, ids, model, row, targets, weights, worst, write};

#[test]
fn logits_are_those_of_the_definition() {
    for tied in [false, true] {
        let model = model(tied);
        let rows = [ids(1, 9), ids(2, 9)];
        let hidden = model.hidden(batch(&rows), &Placement::causal(2, 9, &device()));
        let config = config(tied);
        let scalar = Scalar { config: &config, weights: weights(&model) };
        for (index, ids) in rows.iter().enumerate() {
            let expected: Vec<f32> = scalar.logits(ids).concat().iter().map(|&logit| logit as f32).collect();
            let logits = floats(model.logits(row(&hidden, index)));
            // Logits are of order 3; f32 through two layers keeps five digits.
            assert!(worst(&logits, &expected) < 5e-5, "tied {tied}: {}", worst(&logits, &expected));
        }
    }
}

#[test]
fn log_probs_are_those_of_the_definition_whatever_the_chunk() {
    let model = model(false);
    let (ids, next) = (ids(1, 9), ids(2, 9));
    let config = config(false);
    let expected = Scalar { config: &config, weights: weights(&model) }.log_prob(&ids, &next);
    let hidden = row(&model.hidden(batch(&[ids]), &Placement::causal(1, 9, &device())), 0);
    let whole = floats(model.log_probs(hidden.clone(), targets(&next), 9));
    let sum: f64 = whole.iter().map(|&value| f64::from(value)).sum();
    assert!((sum - expected).abs() < 1e-4, "{sum} against {expected}");
    for chunk in [1, 2, 100] {
        let chunked = floats(model.log_probs(hidden.clone(), targets(&next), chunk));
        assert!(worst(&chunked, &whole) < 1e-5, "chunk {chunk}");
    }
}

#[test]
fn a_later_token_changes_nothing_before_it() {
    let model = model(false);
    let before = ids(3, 8);
    let mut after = before.clone();
    after[5] = (after[5] + 1) % 50;
    let at = Placement::causal(1, 8, &device());
    let width = model.config().hidden_size;
    let left = floats(model.hidden(batch(&[before]), &at));
    let right = floats(model.hidden(batch(&[after]), &at));
    assert_eq!(left[..5 * width], right[..5 * width]);
    assert!(worst(&left[5 * width..], &right[5 * width..]) > 1e-2, "the change itself is seen");
}

#[test]
fn shared_key_heads_equal_a_model_that_repeats_them() {
    let model = model(false);
    let mut repeated = weights(&model);
    for (name, (shape, values)) in &mut repeated {
        if name.contains("k_proj") || name.contains("v_proj") {
            // Two heads of 6 rows each, each followed by its copy.
            let head = values.len() / 2;
            *values = values.chunks(head).flat_map(|rows| [rows, rows].concat()).collect();
            shape[0] *= 2;
        }
    }
    let mut config = config_json(false);
    config["num_key_value_heads"] = json!(4);
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &config, &repeated);
    let wide = load(dir.path(), &device()).unwrap().model;
    let at = Placement::causal(1, 10, &device());
    let narrow = floats(model.hidden(batch(&[ids(4, 10)]), &at));
    let wide = floats(wide.hidden(batch(&[ids(4, 10)]), &at));
    assert!(worst(&narrow, &wide) < 1e-5, "{}", worst(&narrow, &wide));
}

#[test]
fn the_layers_can_be_run_in_two_parts() {
    let model = model(false);
    let at = Placement::causal(1, 6, &device());
    let entering = model.run_layers(model.embed(batch(&[ids(5, 6)]), &at), 0..1, &at);
    let parted = model.final_norm(model.run_layers(entering, 1..model.layers_len(), &at));
    assert_eq!(floats(parted), floats(model.hidden(batch(&[ids(5, 6)]), &at)));
}

#[test]
fn logits_do_not_depend_on_how_many_rows_are_asked_for() {
    for tied in [false, true] {
        let model = model(tied);
        let hidden = row(&model.hidden(batch(&[ids(6, 60)]), &Placement::causal(1, 60, &device())), 0);
        let together = floats(model.logits(hidden.clone()));
        let few = hidden.split(7, 0).into_iter().flat_map(|rows| floats(model.logits(rows)));
        assert!(worst(&together, &few.collect::<Vec<_>>()) < 1e-5, "tied {tied}");
    }
}
