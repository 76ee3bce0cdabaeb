//! A run that was left or killed in the middle ends with the same bits as one that was not.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use d2o_record::{Event, ObserveError, Observer, Observers};
use d2o_train::{Checkpoints, TrainError, Trainer, TrainingGroup};

use crate::tiny;

const STEPS: usize = 9;

/// Fails when it hears of a step: the run ends there without another checkpoint, as it would on a kill.
struct Kill(usize);

impl Observer for Kill {
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError> {
        match event {
            Event::Step { step, .. } if *step == self.0 => Err(ObserveError::Io {
                path: "events.jsonl".into(),
                action: "append",
                source: std::io::ErrorKind::Other.into(),
            }),
            _ => Ok(()),
        }
    }
}

/// Asks the run to leave after a step.
struct Leave(usize, Arc<AtomicBool>);

impl Observer for Leave {
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError> {
        if event.step() == Some(self.0) {
            self.1.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A checkpoint every two steps below `dir`.
fn trainer<'g>(groups: &'g [TrainingGroup], dir: &Path, fingerprint: &str) -> Trainer<'g> {
    let checkpoints = Checkpoints { every: 2, ..Checkpoints::new(dir, fingerprint) };
    tiny::builder(groups).steps(STEPS).checkpoints(checkpoints).build().unwrap()
}

/// The weights of a run that nobody disturbs.
fn uninterrupted(groups: &[TrainingGroup]) -> Vec<u8> {
    let trained = tiny::builder(groups).steps(STEPS).build().unwrap().train(tiny::policy(&tiny::base())).unwrap();
    trained.model.trainable_bytes().unwrap()
}

/// The step of the newest checkpoint, and the weights after going on from it.
fn resumed(trainer: &Trainer<'_>) -> (usize, Vec<u8>) {
    let checkpoint = trainer.checkpoint(&mut Observers::new()).unwrap().expect("there is a checkpoint");
    let trained = trainer.train(tiny::policy(&tiny::base())).unwrap();
    assert_eq!(trained.steps, STEPS);
    (checkpoint.state.step, trained.model.trainable_bytes().unwrap())
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_bits() {
    let groups = tiny::groups(&tiny::base());
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(&groups, dir.path(), "a");
    let mut observers = Observers::new().with(Kill(5));
    let killed = trainer.run(tiny::policy(&tiny::base()), None, &mut observers, &AtomicBool::new(false));
    assert!(matches!(killed, Err(TrainError::Observe(_))));
    // Step 5 was taken and is lost; checkpoint 4 is the last one.
    assert_eq!(resumed(&trainer), (4, uninterrupted(&groups)));
}

#[test]
fn a_run_that_is_left_writes_a_checkpoint_first() {
    let groups = tiny::groups(&tiny::base());
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(&groups, dir.path(), "a");
    let interrupt = Arc::new(AtomicBool::new(false));
    let mut observers = Observers::new().with(Leave(5, interrupt.clone()));
    let left = trainer.run(tiny::policy(&tiny::base()), None, &mut observers, &interrupt);
    assert!(matches!(left, Err(TrainError::Interrupted { step: 5 })));
    assert_eq!(resumed(&trainer), (5, uninterrupted(&groups)));
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    let groups = tiny::groups(&tiny::base());
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(&groups, dir.path(), "a");
    let mut observers = Observers::new().with(Kill(5));
    trainer.run(tiny::policy(&tiny::base()), None, &mut observers, &AtomicBool::new(false)).err().unwrap();
    std::fs::write(dir.path().join("step-000004/trainable.safetensors"), b"torn").unwrap();
    assert_eq!(resumed(&trainer), (2, uninterrupted(&groups)));
}

#[test]
fn another_run_s_checkpoint_is_refused() {
    let groups = tiny::groups(&tiny::base());
    let dir = tempfile::tempdir().unwrap();
    trainer(&groups, dir.path(), "a").train(tiny::policy(&tiny::base())).unwrap();
    let refused = trainer(&groups, dir.path(), "b").train(tiny::policy(&tiny::base()));
    assert!(matches!(refused, Err(TrainError::Stale { .. })));
}
