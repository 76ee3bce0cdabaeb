//! Periodic evaluation: when held-out requests are asked, and what the harm of the answers decides.

use std::cell::Cell;
use std::collections::BTreeMap;

use d2o_model::CausalLm;
use d2o_record::{Event, Metric};
use d2o_train::monitor::{EvaluationResult, PeriodicEvaluation};
use d2o_train::{StopRules, TrainError};

use crate::tiny::{Told, builder, checkpoints, groups, model, run, run_until, tracked, weights};

/// An evaluation whose answers have these harms, one after another, and then the last one.
fn scripted<'a>(every: usize, harms: &'a [f64], asked: &'a Cell<usize>) -> PeriodicEvaluation<'a> {
    asked.set(0);
    let evaluate = move |_: &CausalLm| {
        let harm = harms[asked.replace(asked.get() + 1).min(harms.len() - 1)];
        Ok(EvaluationResult { answers: 7, figures: BTreeMap::from([(Metric::HELD_OUT_HARM, harm)]) })
    };
    PeriodicEvaluation { every, harm: Metric::HELD_OUT_HARM, evaluate: Box::new(evaluate) }
}

fn evaluated(told: &Told) -> Vec<(usize, f64)> {
    told.all(|event| match event {
        Event::Evaluated { step, answers: 7, figures } => Some((*step, figures[&Metric::HELD_OUT_HARM])),
        _ => None,
    })
}

#[test]
fn the_base_every_nth_and_the_last_step_are_evaluated_and_no_bit_changes() {
    let base = model(5);
    let groups = groups(&base);
    let blind = run(&builder(&groups, 5, 1e-2).build().unwrap(), tracked(&base));
    let asked = Cell::new(0);
    let evaluation = scripted(2, &[0.5, 0.4, 0.3, 0.2], &asked);
    let told = run(&builder(&groups, 5, 1e-2).evaluation(evaluation).build().unwrap(), tracked(&base));
    assert_eq!(evaluated(&told), [(0, 0.5), (2, 0.4), (4, 0.3), (5, 0.2)]);
    assert!(told.guards().is_empty(), "no rule reads the harm");
    assert!(weights(&told.trained().model) == weights(&blind.trained().model));
    assert_eq!(asked.get(), 4);
}

#[test]
fn the_steps_before_an_evaluation_or_a_checkpoint_are_told_before_it() {
    let base = model(5);
    let groups = groups(&base);
    let asked = Cell::new(0);
    let dir = tempfile::tempdir().unwrap();
    // Nothing asks for the figures of a step but what follows it.
    let trainer = builder(&groups, 6, 1e-2).log_every(100).evaluation(scripted(2, &[0.5], &asked));
    let trainer = trainer.checkpoints(checkpoints(dir.path(), 5, 2)).build().unwrap();
    let told = run(&trainer, tracked(&base));
    let order = told.all(|event| match event {
        Event::Step { step, .. } => Some(("step", *step)),
        Event::Evaluated { step, .. } => Some(("evaluated", *step)),
        Event::Checkpoint { step, .. } => Some(("checkpoint", *step)),
        _ => None,
    });
    let expected = [
        ("evaluated", 0),
        ("step", 1),
        ("step", 2),
        ("evaluated", 2),
        ("step", 3),
        ("step", 4),
        ("evaluated", 4),
        ("step", 5),
        ("checkpoint", 5),
        ("step", 6),
        ("evaluated", 6),
        ("checkpoint", 6),
    ];
    assert_eq!(order, expected);
}

#[test]
fn harm_that_stands_still_ends_the_run_but_not_after_its_last_step() {
    let base = model(5);
    let groups = groups(&base);
    let rules = StopRules { min_harm_drop: 0.1, patience: 2, ..StopRules::off() };
    let asked = Cell::new(0);
    let harms = [0.5, 0.3, 0.28, 0.27, 0.26];
    let told = |steps: usize| {
        let trainer = builder(&groups, steps, 1e-2).stop(rules).evaluation(scripted(1, &harms, &asked));
        run(&trainer.build().unwrap(), tracked(&base))
    };
    // A fall of 0.2 after step 1; 0.02 and 0.03 after steps 2 and 3 are none.
    let long = told(9);
    assert_eq!((long.stops(), long.trained().steps), (vec![3], 3));
    let checks: Vec<(usize, bool)> = long.guards().iter().map(|guard| (guard.0, guard.3)).collect();
    assert_eq!(checks, [(1, false), (2, false), (3, true)]);
    let short = told(3);
    assert!(short.stops().is_empty() && short.trained().stopped.is_none());
    assert_eq!(short.guards().len(), 2, "the last step is told but not judged");
    assert_eq!(evaluated(&short).len(), 4);
}

#[test]
fn a_resumed_run_does_not_ask_the_base_again() {
    let base = model(5);
    let groups = groups(&base);
    let dir = tempfile::tempdir().unwrap();
    let asked = Cell::new(0);
    let trainer = builder(&groups, 4, 1e-2).evaluation(scripted(3, &[0.5], &asked));
    let trainer = trainer.checkpoints(checkpoints(dir.path(), 0, 2)).build().unwrap();
    let first = run_until(&trainer, tracked(&base), Some(2));
    assert!(matches!(first.ended, Err(TrainError::Interrupted { step: 2 })));
    assert_eq!(evaluated(&first), [(0, 0.5)]);
    assert_eq!(evaluated(&run(&trainer, tracked(&base))), [(3, 0.5), (4, 0.5)]);
}

#[test]
fn an_evaluation_that_fails_ends_the_run_with_its_error() {
    let base = model(5);
    let groups = groups(&base);
    let evaluate = Box::new(|_: &CausalLm| Err(TrainError::Callback("nobody answers".into())));
    let evaluation = PeriodicEvaluation { every: 1, harm: Metric::HELD_OUT_HARM, evaluate };
    let told = run(&builder(&groups, 4, 1e-2).evaluation(evaluation).build().unwrap(), tracked(&base));
    assert_eq!(told.ended.err().unwrap().to_string(), "nobody answers");
}
