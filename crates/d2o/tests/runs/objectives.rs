//! Every objective that a run file can name, and every schedule, from the file to changed weights.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use d2o_objective::ObjectiveConfig;
use safetensors::SafeTensors;

use crate::tiny::{World, events, said};

/// Runs the file `NAME.toml` into `NAME` and returns the gradient norms of its steps.
fn train(world: &World, name: &str) -> Vec<f64> {
    let output = world.train_file(&format!("{name}.toml"), name, &[]).output().unwrap();
    assert!(output.status.success(), "{name}: {}", said(&output));
    world.figures(name, "grad_norm")
}

/// How many tensors of the run's model differ from the base's.
fn moved(world: &World, name: &str) -> usize {
    let base = fs::read(world.path("model/model.safetensors")).unwrap();
    let trained = world.weights_of(name);
    let (base, trained) = (SafeTensors::deserialize(&base).unwrap(), SafeTensors::deserialize(&trained).unwrap());
    base.tensors().iter().filter(|(name, tensor)| trained.tensor(name).unwrap().data() != tensor.data()).count()
}

#[test]
fn every_kind_of_objective_trains_from_a_run_file() {
    let world = World::new();
    world.trained("first", &[]);
    let (mut weights, mut twins) = (BTreeMap::new(), Vec::new());
    for kind in ObjectiveConfig::KINDS {
        world.write_run(&format!("{kind}.toml"), &format!("kind = \"{kind}\""), "steps = 2");
        let norms = train(&world, kind);
        assert_eq!(norms.len(), 2, "{kind}");
        assert!(norms.iter().all(|norm| norm.is_finite() && *norm > 0.0), "{kind}: {norms:?}");
        // The last of two layers trains: seven maps and two norms.
        assert_eq!(moved(&world, kind), 9, "{kind}");
        let [started] = &events(&world.path(kind), "run_started")[..] else { panic!("{kind} started once") };
        assert_eq!(started["objective"].as_str(), Some(*kind));
        // AdamW takes no notice of a gradient's scale, so its norms belong to the comparison.
        let bits: Vec<u64> = norms.iter().map(|norm| norm.to_bits()).collect();
        let before = weights.insert((bits, world.weights_of(kind)), *kind);
        twins.extend(before.map(|before| (*kind, before)));
    }
    // KTO without a KL term and with both weights 1 is APO-zero, 1 - σ(β r_a) + σ(β r_l). AOT ranks margins within a
    // batch, and is DPO as long as the policy ranks them as the reference does.
    assert_eq!(twins, [("apo_zero", "kto"), ("aot", "dpo")]);
}

#[test]
fn every_schedule_trains_from_a_run_file() {
    let world = World::new();
    world.trained("first", &[]);
    let mut weights = BTreeSet::new();
    // Two steps of warm-up to 1e-3, then four from there to a tenth of it: 0.1 + 0.9 d(t) at t = 0, 1/4, 1/2, 3/4. The
    // line leaves d = 1 - t, half a cosine (1 + cos(pi t)) / 2, in which cos(pi / 4) is the root of 1/2.
    let corner = 0.5f64.sqrt();
    for (schedule, left) in [
        ("constant", [1.0; 4]),
        ("linear", [1.0, 0.775, 0.55, 0.325]),
        ("cosine", [1.0, 0.1 + 0.45 * (1.0 + corner), 0.55, 0.1 + 0.45 * (1.0 - corner)]),
    ] {
        for (warmup, rising) in [("first_share", [0.5, 1.0]), ("zero", [0.0, 0.5])] {
            let name = format!("{schedule}-{warmup}");
            let train_section = format!("steps = 6\nschedule = \"{schedule}\"\nwarmup = \"{warmup}\"");
            world.write_run(&format!("{name}.toml"), "kind = \"d2o\"", &train_section);
            assert_eq!(train(&world, &name).len(), 6, "{name}");
            let rates = world.figures(&name, "learning_rate");
            for (rate, share) in rates.iter().zip(rising.iter().chain(&left)) {
                assert!((rate - 1e-3 * share).abs() < 1e-9, "{name}: {rates:?}");
            }
            assert_eq!(moved(&world, &name), 9, "{name}");
            assert!(weights.insert(world.weights_of(&name)), "{name} trains as another schedule does");
        }
    }
    world.write_run("wrong.toml", "kind = \"d2o\"", "steps = 2\nschedule = \"sine\"");
    let output = world.train_file("wrong.toml", "wrong", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("sine"), "{}", said(&output));
}
