//! What is measured against the stop rules, when, and how a rule ends a run.

use d2o_model::CausalLm;
use d2o_record::Event;
use d2o_train::monitor::ValidationSet;
use d2o_train::{Example, StopRules};

use crate::tiny::{CHUNKING, builder, checkpoints, examples, groups, model, run, tracked, weights};

fn validation() -> ValidationSet {
    ValidationSet::new(examples())
}

/// Held-out prompts with rejected answers.
fn negatives() -> ValidationSet {
    ValidationSet::new(vec![Example::new(&[1, 2, 3], &[33, 31, 32]), Example::new(&[6, 2, 3], &[34, 31])])
}

fn nll(set: &ValidationSet, model: &CausalLm) -> f64 {
    set.measure(&model.frozen(), CHUNKING).nll
}

#[test]
fn validation_comes_every_so_many_steps_and_compares_with_the_base() {
    let base = model(5);
    let groups = groups(&base);
    let rules = StopRules {
        max_benign_perplexity_increase: 1e9,
        min_entropy: 1e-9,
        min_negatives_gain: 1e-9,
        check_every: 2,
        ..StopRules::off()
    };
    let after = |steps: usize| {
        let trainer = builder(&groups, steps, 1e-2).stop(rules).validation(validation());
        run(&trainer.held_out_negatives(negatives()).build().unwrap(), tracked(&base))
    };
    let told = after(5);
    assert!(told.stops().is_empty() && told.trained().stopped.is_none(), "{:?}", told.guards());
    let checks: Vec<(usize, String)> = told.guards().into_iter().map(|(step, rule, _, _)| (step, rule)).collect();
    let (perplexity, entropy, gain) = ("max_benign_perplexity_increase", "min_entropy", "min_negatives_gain");
    // The gain is between two validations, so the first one says nothing of it.
    let expected = [(2, perplexity), (2, entropy), (4, gain), (4, perplexity), (4, entropy)];
    assert_eq!(checks, expected.map(|(step, rule)| (step, rule.to_owned())));

    // The values are those of the models after steps 2 and 4: of runs that end there.
    let [second, fourth] = [2, 4].map(|steps| after(steps).ended.unwrap().model);
    let value = |at: usize, rule: &str| {
        told.guards().into_iter().find(|(step, name, ..)| (*step, name.as_str()) == (at, rule)).unwrap().2
    };
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    for (step, model) in [(2, &second), (4, &fourth)] {
        let rise = (nll(&validation(), model) - nll(&validation(), &base)).exp() - 1.0;
        assert!(rise.abs() > 1e-4);
        close(value(step, perplexity), rise);
        close(value(step, entropy), validation().measure(&model.frozen(), CHUNKING).entropy);
    }
    close(value(4, gain), nll(&negatives(), &fourth) - nll(&negatives(), &second));
}

#[test]
fn without_a_rule_nothing_is_measured_and_measuring_changes_no_bit() {
    let base = model(5);
    let groups = groups(&base);
    let blind = run(&builder(&groups, 4, 1e-2).validation(validation()).build().unwrap(), tracked(&base));
    assert!(blind.guards().is_empty());
    let rules = StopRules { min_entropy: 1e-9, max_anchor_kl: 1e9, check_every: 1, ..StopRules::off() };
    let trainer = builder(&groups, 4, 1e-2).stop(rules).validation(validation()).build().unwrap();
    let seen = run(&trainer, tracked(&base));
    assert_eq!(seen.guards().len(), 4);
    assert!(weights(&seen.trained().model) == weights(&blind.trained().model));
    // Held-out negatives are measured for the record of their rule alone; 0 steps between two measurements are never.
    let never = StopRules { min_entropy: 1e-9, check_every: 0, ..StopRules::off() };
    let trainer = builder(&groups, 4, 1e-2).stop(never).validation(validation()).build().unwrap();
    assert!(run(&trainer, tracked(&base)).guards().is_empty());
}

#[test]
fn a_rule_that_trips_ends_the_run_once_and_a_checkpoint_is_kept() {
    let base = model(5);
    let groups = groups(&base);
    let dir = tempfile::tempdir().unwrap();
    // Both rules trip at the first validation: the entropy cannot reach ln 40 = 3.7, and perplexity moves.
    let rules =
        StopRules { min_entropy: 4.0, max_benign_perplexity_increase: 1e-9, check_every: 3, ..StopRules::off() };
    let trainer = builder(&groups, 9, 5e-2).stop(rules).validation(validation());
    let trainer = trainer.checkpoints(checkpoints(dir.path(), 0, 2)).build().unwrap();
    let told = run(&trainer, tracked(&base));
    assert_eq!(told.guards().iter().map(|guard| (guard.0, guard.3)).collect::<Vec<_>>(), [(3, true); 2]);
    assert_eq!((told.stops(), told.steps()), (vec![3], vec![1, 2, 3]));
    let reason = told.trained().stopped.clone().unwrap();
    assert!(
        reason.starts_with("max_benign_perplexity_increase: ") && reason.ends_with("past the limit of 0.000000001")
    );
    assert_eq!(told.trained().steps, 3);
    let saved = told.all(|event| match event {
        Event::Checkpoint { step, path } => Some((*step, path.clone())),
        _ => None,
    });
    assert_eq!(saved, [(3, "checkpoints/step-000003".to_owned())]);
    // The same run again is over already.
    let again = run(&trainer, tracked(&base));
    assert!(again.steps().is_empty() && again.trained().steps == 3);
    assert_eq!(again.trained().stopped.as_ref(), Some(&reason));
}

#[test]
fn anchors_that_fall_end_a_run_after_a_whole_window() {
    let base = model(5);
    let mut groups = groups(&base);
    // References a nat per token above what the base gives: every step's fall is about 1.
    for anchor in groups.iter_mut().flat_map(|group| &mut group.anchors) {
        anchor.reference += anchor.ids.len() as f64;
    }
    let rules = StopRules { max_anchor_kl: 0.5, ..StopRules::off() };
    // Whether each step is read alone or three together.
    for log_every in [1, 3] {
        let trainer = builder(&groups, 12, 1e-6).stop(rules).log_every(log_every).build().unwrap();
        let told = run(&trainer, tracked(&base));
        let (step, rule, value, tripped) = told.guards()[0].clone();
        assert_eq!((step, rule.as_str(), tripped), (8, "max_anchor_kl", true), "read every {log_every}");
        assert!((value - 1.0).abs() < 1e-3, "{value}");
        assert_eq!(told.stops(), [8]);
        // Read together, the steps up to the read were taken.
        assert_eq!(told.trained().steps, [8, 9][usize::from(log_every == 3)]);
    }
}
