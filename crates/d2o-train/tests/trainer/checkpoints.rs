//! Which checkpoints are written and kept, and what a run makes of them.

use std::fs;
use std::path::Path;

use d2o_record::Event;
use d2o_train::TrainError;
use serde_json::Value;

use crate::tiny::{Told, builder, checkpoints, groups, killed_at, model, run, run_until, tracked, weights};

fn written(told: &Told) -> Vec<usize> {
    told.all(|event| matches!(event, Event::Checkpoint { .. }).then(|| event.step()).flatten())
}

fn kept(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn state(dir: &Path, step: usize) -> Value {
    serde_json::from_slice(&fs::read(dir.join(format!("step-{step:06}/state.json"))).unwrap()).unwrap()
}

#[test]
fn they_are_written_every_so_many_steps_and_at_the_end_and_the_newest_stay() {
    let base = model(5);
    let groups = groups(&base);
    for (every, keep, expected, left) in [
        (2, 2, vec![2, 4, 5], vec!["step-000004", "step-000005"]),
        (1, 1, vec![1, 2, 3, 4, 5], vec!["step-000005"]),
        (1, 3, vec![1, 2, 3, 4, 5], vec!["step-000003", "step-000004", "step-000005"]),
        (0, 2, vec![5], vec!["step-000005"]),
        (5, 2, vec![5], vec!["step-000005"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let trainer = builder(&groups, 5, 1e-2).checkpoints(checkpoints(dir.path(), every, keep)).build().unwrap();
        assert_eq!(written(&run(&trainer, tracked(&base))), expected, "every {every}");
        assert_eq!(kept(dir.path()), left, "every {every}, {keep} kept");
    }
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits_and_adds_up_tokens_and_time() {
    let base = model(5);
    let groups = groups(&base);
    let whole = run(&builder(&groups, 6, 1e-2).build().unwrap(), tracked(&base));
    let tokens = |told: &Told| -> usize {
        let of_steps = told.all(|event| match event {
            Event::Step { tokens, .. } => Some(*tokens),
            _ => None,
        });
        of_steps.iter().sum()
    };
    let dir = tempfile::tempdir().unwrap();
    let trainer = builder(&groups, 6, 1e-2).checkpoints(checkpoints(dir.path(), 0, 2)).build().unwrap();
    let first = run_until(&trainer, tracked(&base), Some(4));
    assert!(matches!(first.ended, Err(TrainError::Interrupted { step: 4 })));
    assert_eq!((first.steps(), written(&first)), (vec![1, 2, 3, 4], vec![4]));
    assert_eq!(first.events.last(), Some(&Event::Interrupted { step: 4 }));
    assert_eq!(state(dir.path(), 4)["tokens"], tokens(&first));
    let second = run(&trainer, tracked(&base));
    assert_eq!(second.steps(), [5, 6]);
    assert!(weights(&second.trained().model) == weights(&whole.trained().model));
    assert_eq!(state(dir.path(), 6)["tokens"], tokens(&whole));
    let seconds = |step: usize| state(dir.path(), step)["wall_s"].as_f64().unwrap();
    assert!(seconds(4) > 0.0 && seconds(6) > seconds(4));
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_bits() {
    let base = model(5);
    let groups = groups(&base);
    let whole = run(&builder(&groups, 7, 1e-2).build().unwrap(), tracked(&base));
    let dir = tempfile::tempdir().unwrap();
    let trainer = builder(&groups, 7, 1e-2).checkpoints(checkpoints(dir.path(), 2, 2)).build().unwrap();
    let killed = killed_at(&trainer, tracked(&base), 5);
    assert!(matches!(killed.ended, Err(TrainError::Observe(_))));
    assert_eq!(written(&killed), [2, 4]);
    // Step 5 was taken and is lost.
    let resumed = run(&trainer, tracked(&base));
    assert_eq!(resumed.steps(), [5, 6, 7]);
    assert!(weights(&resumed.trained().model) == weights(&whole.trained().model));
}

#[test]
fn who_leaves_after_the_last_step_has_a_finished_run() {
    let base = model(5);
    let groups = groups(&base);
    let told = run_until(&builder(&groups, 3, 1e-2).build().unwrap(), tracked(&base), Some(3));
    assert_eq!(told.trained().steps, 3);
    assert!(matches!(told.events.last(), Some(Event::Finished { steps: 3, .. })));
}

#[test]
fn a_damaged_one_is_skipped_and_told_and_another_run_s_is_refused() {
    let base = model(5);
    let groups = groups(&base);
    let whole = run(&builder(&groups, 4, 1e-2).build().unwrap(), tracked(&base));
    let dir = tempfile::tempdir().unwrap();
    let trainer = builder(&groups, 4, 1e-2).checkpoints(checkpoints(dir.path(), 1, 3)).build().unwrap();
    run(&trainer, tracked(&base));
    // Of the newest three, the last has other weights and the one before another optimizer state than recorded.
    for (step, file) in [(4, "trainable.safetensors"), (3, "optimizer.bpk")] {
        let path = dir.path().join(format!("step-{step:06}/{file}"));
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    // What a kill left while a checkpoint was written aside, and what is none at all.
    fs::create_dir(dir.path().join(".step-000003.partial")).unwrap();
    fs::write(dir.path().join(".step-000003.partial/state.json"), "{").unwrap();
    fs::create_dir(dir.path().join("notes")).unwrap();
    let told = run(&trainer, tracked(&base));
    let warned = told.all(|event| match event {
        Event::Warning { message } => Some(message.clone()),
        _ => None,
    });
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert!(warned[0].starts_with("skipped: ") && warned[0].contains("step-000004: damaged: trainable.safetensors"));
    assert!(warned[1].contains("step-000003: damaged: optimizer.bpk does not have the recorded digest"), "{warned:?}");
    assert_eq!(told.steps(), [3, 4]);
    assert!(weights(&told.trained().model) == weights(&whole.trained().model));
    assert_eq!(kept(dir.path()), ["notes", "step-000002", "step-000003", "step-000004"]);

    let mut other = checkpoints(dir.path(), 1, 3);
    other.fingerprint = "another run".to_owned();
    let other = builder(&groups, 4, 1e-2).checkpoints(other).build().unwrap();
    let error = run(&other, tracked(&base)).ended.err().unwrap();
    assert!(matches!(&error, TrainError::Stale { path, .. } if path.ends_with("step-000004")), "{error}");
}
