//! What is told of every step.

use d2o_model::responses::Chunking;
use d2o_record::Event;
use d2o_train::optim::order::Order;
use d2o_train::optim::schedule::{Schedule, WarmUp};
use d2o_train::{TrainError, Trainer};

use crate::tiny::{CHUNKING, builder, groups, model, run, tracked, weights};

#[test]
fn each_step_is_told_once_with_its_epoch_rate_and_tokens() {
    let base = model(5);
    let groups = groups(&base);
    let schedule = Schedule { peak: 1e-2, warmup_steps: 2, warmup: WarmUp::Zero, steps: 0, ..Schedule::default() };
    let trainer = builder(&groups, 1, 1.0).schedule(schedule).epochs(2).build().unwrap();
    // Five groups in steps of two are three steps an epoch.
    assert_eq!(trainer.steps(), 6);
    let told = run(&trainer, tracked(&base));
    assert_eq!(told.steps(), [1, 2, 3, 4, 5, 6]);
    let order = Order::new(5, 2, 3);
    let figures = told.all(|event| match event {
        Event::Step { step, steps, epoch, learning_rate, tokens, figures, .. } => {
            Some((*step, *steps, *epoch, *learning_rate, *tokens, figures.loss))
        }
        _ => None,
    });
    let schedule = Schedule { steps: 6, ..schedule };
    for &(step, steps, epoch, rate, tokens, _) in &figures {
        let expected: usize = order.step(step - 1).iter().map(|&index| groups[index].naive_tokens()).sum();
        assert_eq!((steps, tokens), (6, expected), "step {step}");
        assert!((epoch - step as f64 / 3.0).abs() < 1e-12, "step {step}: {epoch}");
        assert_eq!(rate, schedule.at(step - 1), "step {step}");
    }
    // The policy is the base until the first step with a rate above 0 is taken: the second.
    let losses: Vec<f64> = figures.iter().map(|figure| figure.5).collect();
    assert!(losses[..2].iter().all(|loss| (loss - std::f64::consts::LN_2).abs() < 1e-6), "{losses:?}");
    assert!((losses[2] - std::f64::consts::LN_2).abs() > 1e-4, "{losses:?}");
    assert!(matches!(told.events.last(), Some(Event::Finished { steps: 6, .. })), "{:?}", told.events.last());
    assert_eq!(told.trained().steps, 6);
}

#[test]
fn how_often_the_device_is_read_changes_no_figure_and_no_bit() {
    let base = model(5);
    let groups = groups(&base);
    let run_with = |every: usize| run(&builder(&groups, 6, 1e-2).log_every(every).build().unwrap(), tracked(&base));
    let losses = |told: &crate::tiny::Told| {
        told.all(|event| match event {
            Event::Step { step, figures, tokens, .. } => Some((*step, figures.loss, figures.grad_norm, *tokens)),
            _ => None,
        })
    };
    let often = run_with(1);
    for every in [4, 100] {
        let seldom = run_with(every);
        assert_eq!(losses(&seldom), losses(&often), "every {every}");
        assert!(weights(&seldom.trained().model) == weights(&often.trained().model));
    }
    // Read together, the steps share the time between them.
    let seconds = |told: &crate::tiny::Told| {
        told.all(|event| match event {
            Event::Step { wall_s, .. } => Some(*wall_s),
            _ => None,
        })
    };
    let finished = |told: &crate::tiny::Told| match told.events.last() {
        Some(Event::Finished { wall_s, .. }) => *wall_s,
        other => panic!("{other:?}"),
    };
    let seldom = run_with(100);
    assert!(seconds(&seldom).iter().all(|&wall| wall == seconds(&seldom)[0]));
    assert!(seconds(&seldom).iter().sum::<f64>() <= finished(&seldom));
}

#[test]
fn a_clipped_step_says_so_and_tells_the_norm_before_it() {
    let base = model(5);
    let groups = groups(&base);
    let told = |limit: f64| {
        let told = run(&builder(&groups, 1, 1e-2).max_grad_norm(limit).build().unwrap(), tracked(&base));
        let steps = told.all(|event| match event {
            Event::Step { clipped, figures, .. } => Some((*clipped, figures.grad_norm)),
            _ => None,
        });
        (steps[0], weights(&told.trained().model))
    };
    let ((clipped, norm), free) = told(0.0);
    assert!(!clipped && norm > 0.0);
    assert_eq!(told(norm * 2.0), ((false, norm), free));
    assert_eq!(told(norm / 2.0).0, (true, norm));
}

#[test]
fn a_number_that_is_not_finite_ends_the_run_and_names_the_step() {
    let base = model(5);
    let mut groups = groups(&base);
    // The second step's groups hold the first one with a broken reference.
    let broken = Order::new(5, 2, 3).step(1)[0];
    groups[broken].rejected.reference = f64::NAN;
    let trainer = builder(&groups, 6, 1e-2).build().unwrap();
    let told = run(&trainer, tracked(&base));
    assert!(matches!(told.ended, Err(TrainError::NonFinite { step: 2, quantity: "the loss", .. })));
    assert_eq!(told.steps(), [1]);
}

#[test]
fn the_defaults_are_those_of_the_table() {
    let base = model(5);
    let groups = groups(&base);
    // Five groups in steps of four: two steps. A rate of 5e-5 with three steps of warm-up is 1/3 and 2/3 of it.
    let trainer = Trainer::builder(&groups).build().unwrap();
    assert_eq!(trainer.steps(), 2);
    let told = run(&trainer, tracked(&base));
    let rates = told.all(|event| match event {
        Event::Step { learning_rate, .. } => Some(*learning_rate),
        _ => None,
    });
    assert!((rates[0] - 5e-5 / 3.0).abs() < 1e-18 && (rates[1] - 1e-4 / 3.0).abs() < 1e-18, "{rates:?}");
    assert_eq!(Schedule::default().at(3), 5e-5);
    // Said in full it is the same run.
    let schedule = Schedule { steps: 2, ..Schedule::default() };
    let chunking = Chunking { tokens: 512, head_rows: 256 };
    let said = Trainer::builder(&groups).groups_per_step(4).seed(0).schedule(schedule).max_grad_norm(1.0);
    let said = said.chunking(chunking).log_every(1).build().unwrap();
    assert!(weights(&run(&said, tracked(&base)).trained().model) == weights(&told.trained().model));
    assert_ne!(chunking, CHUNKING);
}
