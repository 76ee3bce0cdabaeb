//! What trains, what stays frozen, and how trained tensors are kept.

use std::collections::BTreeMap;

use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::TensorData;
use d2o_model::{CausalLm, ModelError, Placement, Trainable};

use crate::tiny::{batch, device, floats, ids, model, moved, worst};

fn last(layers: usize) -> Trainable {
    Trainable::LastLayers { layers }
}

fn train(model: &CausalLm, trainable: &Trainable) -> Result<CausalLm, ModelError> {
    model.train_on(trainable, 5, &device().autodiff())
}

fn hidden(model: &CausalLm) -> Vec<f32> {
    floats(model.hidden(batch(&[ids(1, 6)]), &Placement::causal(1, 6, &device())))
}

#[test]
fn the_last_layers_leave_the_trunk_without_a_graph() {
    let model = train(&model(false), &last(1)).unwrap();
    assert_eq!(model.first_trainable_layer(), 1);
    let at = Placement::causal(1, 6, &device());
    for ids_device in [device(), device().autodiff()] {
        let ids = batch(&[ids(1, 6)]).to_device(&ids_device);
        let entering = model.run_layers(model.embed(ids, &at), 0..1, &at);
        assert!(!entering.is_autodiff(), "below the first trained layer nothing is tracked");
        assert!(model.run_layers(entering, 1..2, &at).is_tracked());
    }
}

#[test]
fn only_what_was_named_trains() {
    let base = model(false);
    let names = |trainable: &Trainable| -> Vec<String> {
        train(&base, trainable).unwrap().trainable().into_iter().map(|(name, _)| name).collect()
    };
    let tail = names(&last(1));
    assert_eq!(tail.len(), 9, "seven maps and two norms");
    assert!(tail.iter().all(|name| name.starts_with("model.layers.1.")), "{tail:?}");
    let all = names(&Trainable::All {});
    assert_eq!(all.len(), 2 * 9 + 3, "two layers, embedding, final norm, head");
    assert!(base.trainable().is_empty() && base.first_trainable_layer() == 2);
}

#[test]
fn counts_follow_from_the_sizes() {
    // A layer: queries 32·24, keys and values 2·32·12, output 24·32, feed-forward 3·32·40, norms 2·32.
    let layer = 32 * 24 + 2 * 32 * 12 + 24 * 32 + 3 * 32 * 40 + 2 * 32;
    let base = model(false);
    assert_eq!(base.parameters(), 2 * layer + 2 * 50 * 32 + 32);
    assert_eq!(base.trainable_parameters(), 0);
    assert_eq!(train(&base, &last(1)).unwrap().trainable_parameters(), layer);
    assert_eq!(model(true).parameters(), 2 * layer + 50 * 32 + 32);
}

#[test]
fn training_changes_nothing_by_itself_and_freezing_neither() {
    let base = model(false);
    for trainable in [Trainable::All {}, last(2)] {
        let tracked = train(&base, &trainable).unwrap();
        assert!(tracked.device().is_autodiff());
        // Tracked operations are other kernels, which round otherwise.
        assert!(worst(&hidden(&tracked), &hidden(&base)) < 1e-5);
        let frozen = tracked.frozen();
        assert!(!frozen.device().is_autodiff());
        assert_eq!(frozen.trainable_parameters(), 0);
        assert_eq!(hidden(&frozen), hidden(&base));
    }
}

#[test]
fn an_optimizer_finds_its_parameters_again_after_a_reload() {
    // Two steps in one go, and two steps with the model rebuilt in between, the optimizer kept.
    let step = |model: CausalLm, optimizer: &mut burn::optim::ModuleOptimizer| {
        let at = Placement::causal(1, 6, &device());
        let loss = model.hidden(batch(&[ids(1, 6)]), &at).powf_scalar(2.0).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        optimizer.step(1e-2, model, gradients)
    };
    let start = || train(&model(false), &last(1)).unwrap();
    let mut optimizer = AdamWConfig::new().init();
    let once = step(start(), &mut optimizer);
    let bytes = once.trainable_bytes().unwrap();
    let mut copy = optimizer.clone();
    let straight = step(once, &mut optimizer);
    let rebuilt = start().load_trainable_bytes(&bytes).unwrap();
    let resumed = step(rebuilt, &mut copy);
    assert_eq!(straight.trainable_bytes().unwrap(), resumed.trainable_bytes().unwrap());
    assert_ne!(straight.trainable_bytes().unwrap(), bytes, "the second step moved something");
}

#[test]
fn trained_tensors_come_back_bit_equal() {
    let base = model(false);
    let trained = moved(train(&base, &last(1)).unwrap());
    let bytes = trained.trainable_bytes().unwrap();
    let restored = train(&base, &last(1)).unwrap().load_trainable_bytes(&bytes).unwrap();
    assert_eq!(hidden(&restored), hidden(&trained));
    assert_ne!(hidden(&restored), hidden(&base));
    assert!(restored.device().is_autodiff());
    assert_eq!(restored.trainable_bytes().unwrap(), bytes);
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let base = model(false);
    let fresh = || train(&base, &last(1)).unwrap();
    let good: BTreeMap<String, TensorData> = fresh().trainable().into_iter().collect();
    let complaint = |values| fresh().load_trainable(values).unwrap_err().to_string();
    let name = "model.layers.1.mlp.up_proj.weight";

    let mut missing = good.clone();
    missing.remove(name);
    assert_eq!(complaint(missing), format!("trained tensors: `{name}` is missing"));

    let mut misshapen = good.clone();
    misshapen.insert(name.to_owned(), TensorData::new(vec![0f32; 6], [2, 3]));
    let text = format!("trained tensors: `{name}` has shape [2, 3] where [32, 40] was expected");
    assert_eq!(complaint(misshapen), text);

    let mut extra = good.clone();
    extra.insert("model.norm.weight".to_owned(), TensorData::new(vec![0f32; 32], [32]));
    assert_eq!(complaint(extra), "trained tensors: `model.norm.weight` does not train in this run");

    let bytes = fresh().trainable_bytes().unwrap();
    let cut = fresh().load_trainable_bytes(&bytes[..bytes.len() - 1]);
    assert!(matches!(cut, Err(ModelError::State { .. })), "{cut:?}");
}

#[test]
fn sizes_that_do_not_fit_the_model_are_refused() {
    let complaint = |trainable: &Trainable| train(&model(false), trainable).unwrap_err().to_string();
    let expected = "train.parameters: field `layers`: expected 1 to 2, got";
    assert_eq!(complaint(&last(0)), format!("{expected} 0"));
    assert_eq!(complaint(&last(3)), format!("{expected} 3"));
}

#[test]
fn a_run_file_names_what_trains() {
    let parse = |text| serde_json::from_str::<Trainable>(text);
    assert_eq!(parse(r#"{"kind": "last_layers", "layers": 8}"#).unwrap(), last(8));
    assert_eq!(parse(r#"{"kind": "all"}"#).unwrap(), Trainable::All {});
    assert!(parse(r#"{"kind": "all", "layers": 8}"#).is_err(), "a knob that does not apply");
    let lora = r#"{"kind": "lora", "rank": 4, "alpha": 8.0}"#;
    let expected = Trainable::Lora { rank: 4, alpha: 8.0, targets: Vec::new(), last_layers: None };
    assert_eq!(parse(lora).unwrap(), expected);
}
