//! Checkpoints that are not as they were written, and two trainers that want the same ones.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use d2o_model::CausalLm;
use d2o_record::{Event, ObserveError, Observer, Observers};
use d2o_train::checkpoint::Checkpoint;
use d2o_train::{TrainError, Trainer, TrainingGroup};

use crate::tiny::{builder, checkpoints, groups, killed_at, model, run, tracked, weights};

const STEPS: usize = 7;

/// A checkpoint every two steps below `dir`.
fn trainer<'g>(groups: &'g [TrainingGroup], dir: &Path) -> Trainer<'g> {
    builder(groups, STEPS, 1e-2).checkpoints(checkpoints(dir, 2, 2)).build().unwrap()
}

/// Changes a file in place.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// A way to damage a checkpoint's directory.
type Spoil = fn(&Path);

// A `Vec`, as other ways to spoil a file need one.
#[allow(clippy::ptr_arg)]
fn turn_a_bit(bytes: &mut Vec<u8>) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
}

#[test]
fn whatever_is_damaged_gives_way_to_the_one_before() {
    let base = model(5);
    let groups = groups(&base);
    let whole = run(&builder(&groups, STEPS, 1e-2).build().unwrap(), tracked(&base));
    let spoils: [(&str, Spoil); 6] = [
        ("a bit of the tensors", |dir| change(&dir.join("step-000004/trainable.safetensors"), turn_a_bit)),
        ("half of the optimizer", |dir| {
            change(&dir.join("step-000004/optimizer.bpk"), |bytes| bytes.truncate(bytes.len() / 2));
        }),
        ("no optimizer", |dir| fs::remove_file(dir.join("step-000004/optimizer.bpk")).unwrap()),
        ("a figure of the state", |dir| {
            change(&dir.join("step-000004/state.json"), |bytes| {
                *bytes = String::from_utf8_lossy(bytes).replacen("\"tokens\": ", "\"tokens\": 1", 1).into_bytes();
            });
        }),
        ("the tensors of another step", |dir| {
            let from = dir.join("step-000002/trainable.safetensors");
            fs::copy(from, dir.join("step-000004/trainable.safetensors")).map(drop).unwrap();
        }),
        ("another name", |dir| fs::rename(dir.join("step-000004"), dir.join("step-000006")).unwrap()),
    ];
    for (what, spoil) in spoils {
        let dir = tempfile::tempdir().unwrap();
        let trainer = trainer(&groups, dir.path());
        assert!(killed_at(&trainer, tracked(&base), 5).ended.is_err());
        spoil(dir.path());
        let told = run(&trainer, tracked(&base));
        let warned = told.all(|event| matches!(event, Event::Warning { .. }).then_some(()));
        assert_eq!((told.steps(), warned.len()), ((3..=STEPS).collect(), 1), "{what}");
        assert!(weights(&told.trained().model) == weights(&whole.trained().model), "{what}");
    }
}

#[test]
fn steps_of_seven_digits_come_after_those_of_six() {
    let base = model(5);
    let groups = groups(&base);
    let dir = tempfile::tempdir().unwrap();
    run(&trainer(&groups, dir.path()), tracked(&base));
    // Damaged, and looked at first.
    fs::create_dir(dir.path().join("step-1000000")).unwrap();
    let (checkpoint, damaged) = Checkpoint::newest(dir.path(), "this run").unwrap();
    assert_eq!(checkpoint.unwrap().state.step, STEPS);
    assert!(damaged.len() == 1 && damaged[0].contains("step-1000000"), "{damaged:?}");
}

/// Another trainer with the same checkpoints, which tries its luck whenever something happens in the first.
struct Second {
    trainer: Trainer<'static>,
    base: CausalLm,
    refused: Arc<AtomicBool>,
}

impl Observer for Second {
    fn observe(&mut self, _: &Event) -> Result<(), ObserveError> {
        match self.trainer.train(tracked(&self.base)) {
            Err(TrainError::Lock(error)) => assert!(error.to_string().contains("in use by process"), "{error}"),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("two at a time"),
        }
        self.refused.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn one_trainer_at_a_time_uses_a_directory_of_checkpoints() {
    let base = model(5);
    let groups = groups(&base);
    let dir = tempfile::tempdir().unwrap();
    let refused = Arc::new(AtomicBool::new(false));
    let copy: &'static [TrainingGroup] = Box::leak(groups.clone().into_boxed_slice());
    let second = Second { trainer: trainer(copy, dir.path()), base: base.clone(), refused: refused.clone() };
    let first = trainer(&groups, dir.path());
    let mut observers = Observers::new().with(second);
    first.run(tracked(&base), None, &mut observers, &AtomicBool::new(false)).unwrap();
    assert!(refused.load(Ordering::Relaxed));
    assert!(!dir.path().join(".lock").exists());
    assert_eq!(first.train(tracked(&base)).unwrap().steps, STEPS);
}
