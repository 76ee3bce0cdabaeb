//! Every objective that a run file can name, and every schedule, from the file to changed weights.

use std::fs;

use d2o_objective::ObjectiveConfig;
use safetensors::SafeTensors;

use crate::tiny::{World, said};

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
    for kind in ObjectiveConfig::KINDS {
        world.write_run(&format!("{kind}.toml"), &format!("kind = \"{kind}\""), "steps = 2");
        let norms = train(&world, kind);
        assert_eq!(norms.len(), 2, "{kind}");
        assert!(norms.iter().all(|norm| norm.is_finite() && *norm > 0.0), "{kind}: {norms:?}");
        // The last of two layers trains: seven maps and two norms.
        assert_eq!(moved(&world, kind), 9, "{kind}");
    }
}

#[test]
fn every_schedule_trains_from_a_run_file() {
    let world = World::new();
    world.trained("first", &[]);
    for schedule in ["constant", "linear", "cosine"] {
        for warmup in ["first_share", "zero"] {
            let name = format!("{schedule}-{warmup}");
            let train_section = format!("steps = 2\nschedule = \"{schedule}\"\nwarmup = \"{warmup}\"");
            world.write_run(&format!("{name}.toml"), "kind = \"d2o\"", &train_section);
            assert_eq!(train(&world, &name).len(), 2, "{name}");
            // Two warm-up steps; from zero the first changes nothing and the second does.
            assert_eq!(moved(&world, &name), 9, "{name}");
        }
    }
    world.write_run("wrong.toml", "kind = \"d2o\"", "steps = 2\nschedule = \"sine\"");
    let output = world.train_file("wrong.toml", "wrong", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("sine"), "{}", said(&output));
}
