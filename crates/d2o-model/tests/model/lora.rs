//! Low-rank adapters.

use d2o_model::{CausalLm, Placement, Trainable, save_peft};
use serde_json::{Value, json};

use crate::tiny::{batch, device, floats, ids, model, moved, read, weights, worst};

fn lora(targets: &[&str], last_layers: Option<usize>) -> Trainable {
    let targets = targets.iter().map(|&target| target.to_owned()).collect();
    Trainable::Lora { rank: 3, alpha: 8.0, targets, last_layers }
}

fn attach(trainable: &Trainable, seed: u64) -> CausalLm {
    model(false).train_on(trainable, seed, &device().autodiff()).unwrap()
}

fn hidden(model: &CausalLm) -> Vec<f32> {
    floats(model.hidden(batch(&[ids(1, 6)]), &Placement::causal(1, 6, &device())))
}

#[test]
fn the_first_forward_is_the_base_exactly() {
    let adapted = attach(&lora(&[], None), 1);
    assert_eq!(hidden(&adapted.frozen()), hidden(&model(false)));
    // Tracked operations are other kernels, which round otherwise.
    assert!(worst(&hidden(&adapted), &hidden(&model(false))) < 1e-5);
    assert_eq!(adapted.first_trainable_layer(), 0);
    // Per layer: rank 3 times the sum of each map's two sides.
    let sides = (32 + 24) + 2 * (32 + 12) + (24 + 32) + 3 * (32 + 40);
    assert_eq!(adapted.trainable_parameters(), 2 * 3 * sides);
}

#[test]
fn trained_adapters_change_the_model_and_nothing_of_the_base() {
    let moved = moved(attach(&lora(&["q_proj", "up_proj"], None), 1));
    assert!(worst(&hidden(&moved), &hidden(&model(false))) > 1e-2);
    assert_eq!(hidden(&moved.base()), hidden(&model(false)));
    assert!(!moved.base().has_adapters());
    assert!(worst(&hidden(&moved.frozen()), &hidden(&moved)) < 1e-5);
}

#[test]
fn folded_in_adapters_compute_the_same() {
    let moved = moved(attach(&lora(&[], None), 1));
    let merged = moved.merge_adapters();
    assert!(!merged.has_adapters() && merged.trainable_parameters() == 0);
    let difference = worst(&hidden(&merged), &hidden(&moved));
    assert!(difference < 2e-5, "{difference}");
}

#[test]
fn adapters_sit_where_they_were_asked_for() {
    let adapted = attach(&lora(&["v_proj"], Some(1)), 1);
    let names: Vec<String> = adapted.trainable().into_iter().map(|(name, _)| name).collect();
    let module = "model.layers.1.self_attn.v_proj";
    assert_eq!(names, [format!("{module}.lora_A.weight"), format!("{module}.lora_B.weight")]);
    assert_eq!(adapted.first_trainable_layer(), 1);
    assert!(adapted.device().is_autodiff());
    assert!(!attach(&lora(&["down_proj"], None), 1).frozen().device().is_autodiff());
    assert!(attach(&lora(&["down_proj"], None), 1).device().is_autodiff());
}

#[test]
fn the_start_follows_from_the_seed() {
    let bytes = |seed| attach(&lora(&[], None), seed).trainable_bytes().unwrap();
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
    // Uniform in ±1/√in: the q_proj of layer 0 has 32 inputs.
    let adapted = attach(&lora(&["q_proj"], None), 1);
    let (_, first) = &adapted.trainable()[0];
    let largest = first.iter::<f32>().fold(0f32, |largest, value| largest.max(value.abs()));
    let bound = 1.0 / 32f32.sqrt();
    assert!(largest <= bound && largest > 0.8 * bound, "{largest} of {bound}");
}

#[test]
fn knobs_that_mean_nothing_are_refused() {
    let complaint = |trainable: Trainable| {
        let error = model(false).train_on(&trainable, 0, &device().autodiff()).unwrap_err();
        assert!(error.hint().is_some());
        error.to_string()
    };
    let with = |rank, alpha| Trainable::Lora { rank, alpha, targets: Vec::new(), last_layers: None };
    assert!(complaint(with(0, 1.0)).contains("field `rank`: expected at least 1, got 0"));
    assert!(complaint(with(1, f64::NAN)).contains("field `alpha`"));
    assert!(complaint(lora(&["w_proj"], None)).contains("field `targets`: `w_proj` is none of q_proj"));
    assert!(complaint(lora(&[], Some(3))).contains("field `last_layers`: expected 1 to 2, got 3"));
    let twice = attach(&lora(&[], None), 1).train_on(&lora(&[], None), 1, &device().autodiff());
    assert!(twice.unwrap_err().to_string().contains("has adapters already"));
}

#[test]
fn the_export_is_what_peft_adds_to_the_base() {
    let moved = moved(attach(&lora(&["o_proj", "gate_proj"], Some(1)), 1));
    let dir = tempfile::tempdir().unwrap();
    save_peft(&moved, dir.path(), "some/base").unwrap();
    let text = std::fs::read_to_string(dir.path().join("adapter_config.json")).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["target_modules"], json!(["o_proj", "gate_proj"]));
    assert_eq!((&config["r"], &config["lora_alpha"]), (&json!(3), &json!(8.0)));
    assert_eq!(config["layers_to_transform"], json!([1]));
    assert_eq!(config["base_model_name_or_path"], "some/base");

    let adapters = read(&dir.path().join("adapter_model.safetensors"));
    assert_eq!(adapters.len(), 4);
    let (base, merged) = (weights(&moved.base()), weights(&moved.merge_adapters()));
    for module in ["model.layers.1.self_attn.o_proj", "model.layers.1.mlp.gate_proj"] {
        let (shape, a) = &adapters[&format!("base_model.model.{module}.lora_A.weight")];
        let (_, b) = &adapters[&format!("base_model.model.{module}.lora_B.weight")];
        let (rank, input) = (shape[0], shape[1]);
        assert_eq!(rank, 3);
        // PEFT: W + (alpha / r) · B A, all `[out, in]`.
        let name = format!("{module}.weight");
        let expected: Vec<f32> = (0..base[&name].1.len())
            .map(|i| {
                let (out, column) = (i / input, i % input);
                let delta: f32 = (0..rank).map(|r| b[out * rank + r] * a[r * input + column]).sum();
                base[&name].1[i] + 8.0 / 3.0 * delta
            })
            .collect();
        assert!(worst(&merged[&name].1, &expected) < 1e-5, "{module}");
    }
    assert!(save_peft(&moved.base(), dir.path(), "x").is_err(), "nothing to save");
}
