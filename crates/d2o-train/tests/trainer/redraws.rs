//! Anchors that the policy draws anew: for which groups, what trains on them, and what a checkpoint keeps of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use d2o_model::CausalLm;
use d2o_record::Event;
use d2o_train::activation_cache::ActivationCacheConfig;
use d2o_train::optim::order::Order;
use d2o_train::redraw::{DrawAnchors, DrawnAnchors, Redraw};
use d2o_train::{TrainError, TrainingGroup};

use crate::tiny::{Told, builder, checkpoints, groups, model, response, run, run_until, tracked, weights};

/// Draws one anchor that names the step for every group but number 4, and writes down who was asked for.
struct Scripted<'a> {
    asked: &'a RefCell<Vec<(usize, BTreeSet<usize>)>>,
    /// The draw before this step finds that the user has left.
    leaves_at: Option<usize>,
}

impl DrawAnchors for Scripted<'_> {
    fn draw(
        &self,
        _: &CausalLm,
        groups: &BTreeSet<usize>,
        step: usize,
        interrupt: &AtomicBool,
    ) -> Result<DrawnAnchors, TrainError> {
        if self.leaves_at == Some(step) {
            interrupt.store(true, Ordering::Relaxed);
            return Err(TrainError::Interrupted { step });
        }
        self.asked.borrow_mut().push((step, groups.clone()));
        let anchors =
            groups.iter().filter(|&&group| group != 4).map(|&group| (group, vec![response(&[step as u32, 9])]));
        Ok(DrawnAnchors { anchors: anchors.collect(), dropped: 3 })
    }
}

fn redraw<'a>(asked: &'a RefCell<Vec<(usize, BTreeSet<usize>)>>, leaves_at: Option<usize>) -> Redraw<'a> {
    Redraw { every: 2, after: 1, source: Box::new(Scripted { asked, leaves_at }) }
}

fn redrawn(told: &Told) -> Vec<[usize; 5]> {
    told.all(|event| match event {
        Event::AnchorsRedrawn { step, groups, anchors, dropped, left_to_the_store, .. } => {
            Some([*step, *groups, *anchors, *dropped, *left_to_the_store])
        }
        _ => None,
    })
}

#[test]
fn each_draw_is_for_the_groups_of_the_steps_that_it_serves() {
    let base = model(5);
    let groups = groups(&base);
    let asked = RefCell::default();
    let told = run(&builder(&groups, 6, 1e-2).redraw(redraw(&asked, None)).build().unwrap(), tracked(&base));
    let order = Order::new(5, 2, 3);
    let of_steps = |steps: &[usize]| steps.iter().flat_map(|&step| order.step(step)).collect::<BTreeSet<usize>>();
    // Before steps 1, 3 and 5, counted from 0; the last draw serves one step only.
    let expected = [(1, of_steps(&[1, 2])), (3, of_steps(&[3, 4])), (5, of_steps(&[5]))];
    assert_eq!(*asked.borrow(), expected);
    let told_of: Vec<[usize; 5]> = expected
        .iter()
        .map(|(step, groups)| {
            let drawn = groups.iter().filter(|&&group| group != 4).count();
            [step + 1, drawn, drawn, 3, groups.len() - drawn]
        })
        .collect();
    assert_eq!(redrawn(&told), told_of);
    assert!(told_of.iter().any(|told| told[4] == 1), "group 4 is left to the store");
}

#[test]
fn new_anchors_train_in_place_of_the_given_ones_whatever_is_kept_of_those() {
    let base = model(5);
    let given = groups(&base);
    let asked = RefCell::default();
    let never = run(&builder(&given, 3, 1e-2).build().unwrap(), tracked(&base));
    let redraws = |mib: usize| {
        let trainer = builder(&given, 3, 1e-2).redraw(redraw(&asked, None));
        let trainer = trainer.activation_cache(ActivationCacheConfig { mib, ..ActivationCacheConfig::default() });
        run(&trainer.build().unwrap(), tracked(&base))
    };
    let (kept, bare) = (redraws(1), redraws(0));
    assert!(weights(&kept.trained().model) != weights(&never.trained().model));
    assert!(weights(&kept.trained().model) == weights(&bare.trained().model), "activations of other anchors were read");
    // The tokens that a step tells are those of the anchors in force.
    let tokens = bare.all(|event| match event {
        Event::Step { tokens, .. } => Some(*tokens),
        _ => None,
    });
    let order = Order::new(5, 2, 3);
    let naive = |group: &TrainingGroup| group.naive_tokens();
    let expected = |step: usize| -> usize {
        let in_force = |&index: &usize| match (step, index) {
            (0, _) | (_, 4) => naive(&given[index]),
            _ => naive(&TrainingGroup { anchors: vec![response(&[1, 9])], ..given[index].clone() }),
        };
        order.step(step).iter().map(in_force).sum()
    };
    assert_eq!(tokens, [expected(0), expected(1), expected(2)]);
}

#[test]
fn a_checkpoint_between_two_draws_keeps_the_anchors_in_force() {
    let base = model(5);
    let groups = groups(&base);
    let dir = tempfile::tempdir().unwrap();
    let asked = RefCell::default();
    let trainer = || builder(&groups, 6, 1e-2).redraw(redraw(&asked, None));
    let whole = run(&trainer().build().unwrap(), tracked(&base));
    // Step 4 is served by the draw before step 3, counted from 0.
    let kept = trainer().checkpoints(checkpoints(dir.path(), 0, 1)).build().unwrap();
    let first = run_until(&kept, tracked(&base), Some(4));
    assert!(matches!(first.ended, Err(TrainError::Interrupted { step: 4 })));
    let file = dir.path().join("step-000004/redrawn.json");
    let stored: BTreeMap<usize, serde_json::Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(stored.values().all(|anchors| anchors[0]["ids"] == serde_json::json!([3, 9])), "{stored:?}");
    asked.borrow_mut().clear();
    let second = run(&kept, tracked(&base));
    assert!(weights(&second.trained().model) == weights(&whole.trained().model));
    assert_eq!(asked.borrow().iter().map(|(step, _)| *step).collect::<Vec<_>>(), [5]);
    // Anchors that were touched are found out, and there is no other checkpoint to fall back to.
    std::fs::write(dir.path().join("step-000006/redrawn.json"), "{}").unwrap();
    let again = run(&kept, tracked(&base));
    let warned = again.all(|event| match event {
        Event::Warning { message } => Some(message.clone()),
        _ => None,
    });
    assert!(warned.len() == 1 && warned[0].contains("redrawn.json does not have the recorded digest"), "{warned:?}");
    assert_eq!(again.steps(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn who_leaves_during_a_draw_finds_a_checkpoint() {
    let base = model(5);
    let groups = groups(&base);
    let dir = tempfile::tempdir().unwrap();
    let asked = RefCell::default();
    let trainer = |leaves_at: Option<usize>| {
        let trainer = builder(&groups, 6, 1e-2).redraw(redraw(&asked, leaves_at)).log_every(100);
        trainer.checkpoints(checkpoints(dir.path(), 0, 2)).build().unwrap()
    };
    let first = run(&trainer(Some(3)), tracked(&base));
    assert!(matches!(first.ended, Err(TrainError::Interrupted { step: 3 })));
    // What was not read yet is told before the run ends.
    assert_eq!(first.steps(), [1, 2, 3]);
    let ends = first.all(|event| match event {
        Event::Checkpoint { step, .. } => Some(("checkpoint", *step)),
        Event::Interrupted { step } => Some(("interrupted", *step)),
        _ => None,
    });
    assert_eq!(ends, [("checkpoint", 3), ("interrupted", 3)]);
    let whole = run(&builder(&groups, 6, 1e-2).redraw(redraw(&asked, None)).build().unwrap(), tracked(&base));
    assert!(weights(&run(&trainer(None), tracked(&base)).trained().model) == weights(&whole.trained().model));
}
