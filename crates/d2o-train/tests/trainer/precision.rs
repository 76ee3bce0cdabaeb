//! Runs whose products are computed in bf16.

use burn::tensor::Device;
use d2o_model::{CausalLm, Precision, Trainable};
use d2o_record::Event;
use d2o_train::penalty::AnchorKl;
use d2o_train::{TrainError, TrainingGroup};

use crate::tiny::{Told, builder, checkpoints, groups, model, run, run_until, unscored, weights};

fn rounded() -> CausalLm {
    model(5).with_precision(Precision::Bf16)
}

fn every_kind() -> [Trainable; 3] {
    let lora = Trainable::Lora { rank: 2, alpha: 4.0, targets: vec![], last_layers: None };
    [Trainable::All {}, Trainable::LastLayers { layers: 1 }, lora]
}

fn policy(trainable: &Trainable) -> CausalLm {
    model(5).train_on(trainable, 0, &Device::flex().autodiff()).unwrap()
}

fn losses(told: &Told) -> Vec<f64> {
    told.all(|event| match event {
        Event::Step { figures, .. } => Some(figures.loss),
        _ => None,
    })
}

/// Groups that are cut into one pass and into several: what scores and what trains go the same way.
#[test]
fn the_first_loss_is_ln_two_exactly() {
    let stored = groups(&rounded());
    // f32 has ln 2 to the last bit, since h is zero and nothing else.
    let expected = f64::from(std::f32::consts::LN_2);
    for trainable in every_kind() {
        let trainer = builder(&stored, 3, 1e-2).precision(Precision::Bf16).build().unwrap();
        let losses = losses(&run(&trainer, policy(&trainable)));
        assert!((losses[0] - expected).abs() < 1e-7, "{trainable:?}: {losses:?}");
        assert_ne!(losses[1], losses[0], "{trainable:?}");
    }
    // Scores of the base in f32 are others: h is not zero.
    let trainer = builder(&stored, 1, 1e-2).build().unwrap();
    assert!((losses(&run(&trainer, policy(&Trainable::All {})))[0] - expected).abs() > 1e-6);
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let stored = groups(&rounded());
    for trainable in every_kind() {
        let settings = || builder(&stored, 5, 1e-2).precision(Precision::Bf16);
        let whole = run(&settings().build().unwrap(), policy(&trainable));
        let dir = tempfile::tempdir().unwrap();
        let trainer = settings().checkpoints(checkpoints(dir.path(), 0, 2)).build().unwrap();
        let first = run_until(&trainer, policy(&trainable), Some(2));
        assert!(matches!(first.ended, Err(TrainError::Interrupted { step: 2 })));
        let resumed = run(&trainer, policy(&trainable));
        assert_eq!(weights(&resumed.trained().model), weights(&whole.trained().model), "{trainable:?}");
    }
}

#[test]
fn a_live_reference_is_computed_in_the_precision_of_the_run() {
    let base = model(5);
    let trained = |groups: &[TrainingGroup], live: bool| {
        let mut settings = builder(groups, 3, 1e-2).precision(Precision::Bf16);
        if live {
            settings = settings.live_reference(&base);
        }
        weights(&run(&settings.build().unwrap(), policy(&Trainable::All {})).trained().model)
    };
    assert_eq!(trained(&unscored(), true), trained(&groups(&rounded()), false));
}

#[test]
fn the_trained_weights_are_near_those_of_f32_and_not_they() {
    let (exact, near) = (groups(&model(5)), groups(&rounded()));
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let trained = |groups: &[TrainingGroup], precision| {
        let trainer = builder(groups, 3, 1e-3).precision(precision).build().unwrap();
        run(&trainer, policy(&Trainable::All {})).trained().model.trainable()
    };
    let (exact, near) = (trained(&exact, Precision::F32), trained(&near, Precision::Bf16));
    let values = |tensors: &[(String, burn::tensor::TensorData)]| -> Vec<f32> {
        tensors.iter().flat_map(|(_, data)| floats(data.as_bytes())).collect()
    };
    let (exact, near) = (values(&exact), values(&near));
    assert_ne!(exact, near);
    // Three steps of Adam move a weight by three thousandths at the most, whatever the gradient.
    assert!(exact.iter().zip(&near).all(|(a, b)| (a - b).abs() <= 6.1e-3));
}

#[test]
fn bases_of_another_precision_are_refused_by_name() {
    let (stored, base) = (groups(&rounded()), model(5));
    let of = |base, precision| {
        builder(&stored, 1, 1e-2).precision(precision).anchor_kl(AnchorKl { base, weight: 1.0 }).build()
    };
    let near = rounded();
    assert!(of(&near, Precision::Bf16).is_ok());
    for (base, precision, expected) in [(&base, Precision::Bf16, "bf16"), (&near, Precision::F32, "f32")] {
        match of(base, precision).err() {
            Some(TrainError::Setting { name: "anchor_kl.base", expected: told }) => {
                assert!(told.ends_with(expected), "{told}")
            }
            other => panic!("{other:?}"),
        }
    }
}
