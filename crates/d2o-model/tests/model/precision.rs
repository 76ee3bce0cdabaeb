//! Products in bf16: near f32, the same bits however weights are packed, on every kind of model that trains.

use d2o_model::responses::{Chunking, score};
use d2o_model::{CausalLm, ModelConfig, Placement, Precision, Trainable};

use crate::tiny::{batch, config_json, device, floats, ids, model, row, slopes, targets};

/// Log-probabilities of seven tokens, and their gradient in every weight as one vector.
fn gradient(model: &CausalLm) -> (Vec<f32>, Vec<f32>) {
    let (ids, next) = (ids(1, 40), ids(2, 40));
    let hidden = row(&model.hidden(batch(std::slice::from_ref(&ids)), &Placement::causal(1, 40, &device())), 0);
    let log_probs = model.log_probs(hidden, targets(&next), 16);
    (floats(log_probs.clone()), slopes(model, log_probs.sum()).concat())
}

fn apart(found: &[f32], expected: &[f32]) -> f64 {
    let norm = |values: Vec<f64>| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let difference = found.iter().zip(expected).map(|(&a, &b)| f64::from(a) - f64::from(b)).collect();
    norm(difference) / norm(expected.iter().map(|&value| f64::from(value)).collect())
}

fn all(tied: bool) -> CausalLm {
    model(tied).train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap()
}

/// Weights as they are before pretraining, so that activations are of the size that they have in models of use.
fn as_initialized(tied: bool) -> CausalLm {
    let json =
        serde_json::json!({"initializer_range": 0.05, "hidden_size": 64, "intermediate_size": 128, "head_dim": 16});
    let mut config = config_json(tied);
    config.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
    let config = ModelConfig::from_json("config.json".as_ref(), config).unwrap();
    let model = CausalLm::init(&config, 3, &device());
    model.train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap()
}

#[test]
fn the_gradient_is_within_a_hundredth_of_that_in_f32() {
    for tied in [false, true] {
        let exact = gradient(&as_initialized(tied));
        let rounded = gradient(&as_initialized(tied).with_precision(Precision::Bf16));
        let (values, slopes) = (apart(&rounded.0, &exact.0), apart(&rounded.1, &exact.1));
        // They do differ: something is rounded.
        assert!((1e-6..1e-2).contains(&values), "log-probabilities: {values}");
        assert!((1e-4..1e-2).contains(&slopes), "gradient: {slopes}");
    }
}

#[test]
fn packed_weights_change_no_bit() {
    for tied in [false, true] {
        let anew = all(tied).with_precision(Precision::Bf16);
        let mut packed = anew.clone();
        packed.pack_weights();
        let expected = gradient(&anew);
        assert_eq!(gradient(&packed), expected, "packed");
        packed.unpack_trained();
        assert_eq!(gradient(&packed), expected, "let go of");
    }
}

#[test]
fn weights_that_were_packed_before_they_changed_are_packed_anew() {
    let mut packed = all(true).with_precision(Precision::Bf16);
    packed.pack_weights();
    let moved = crate::tiny::moved(packed);
    let expected = gradient(&crate::tiny::moved(all(true)).with_precision(Precision::Bf16));
    assert_eq!(gradient(&moved), expected);
}

#[test]
fn a_policy_that_is_still_the_base_scores_alike_to_the_last_bit() {
    let (prompt, responses) = (ids(1, 6), [ids(2, 9), ids(3, 4)]);
    let responses: Vec<&[u32]> = responses.iter().map(Vec::as_slice).collect();
    let chunking = Chunking { tokens: 512, head_rows: 5 };
    let base = model(true).with_precision(Precision::Bf16);
    let expected = floats(score(&base, &prompt, &responses, chunking));
    let lora = Trainable::Lora { rank: 2, alpha: 4.0, targets: vec![], last_layers: None };
    for trainable in [Trainable::All {}, Trainable::LastLayers { layers: 1 }, lora] {
        let mut policy = base.train_on(&trainable, 0, &device().autodiff()).unwrap();
        assert_eq!(policy.precision(), Precision::Bf16);
        policy.pack_weights();
        assert_eq!(floats(score(&policy.frozen(), &prompt, &responses, chunking)), expected, "{trainable:?}");
    }
    let exact = floats(score(&model(true), &prompt, &responses, chunking));
    assert_ne!(expected, exact);
    assert_eq!(floats(score(&base.with_precision(Precision::F32), &prompt, &responses, chunking)), exact);
}
