//! A tiny random model, groups to train it on, and somebody who writes down every event.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use d2o_model::{CausalLm, ModelConfig, Trainable};
use d2o_record::{Event, ObserveError, Observer, Observers};
use d2o_train::optim::schedule::{Decay, Schedule};
use d2o_train::{Checkpoints, Chunking, Example, Response, StopRules, TrainError, Trained, Trainer};
use d2o_train::{TrainerBuilder, TrainingGroup};
use serde_json::json;

/// Small chunks, so that a group takes several passes.
pub(crate) const CHUNKING: Chunking = Chunking { tokens: 9, head_rows: 3 };

/// Random weights; equal seeds give equal ones. On the processor, where equal bits are promised.
pub(crate) fn model(seed: u64) -> CausalLm {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": 40,
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 4, "rope_theta": 10000.0, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "tie_word_embeddings": true, "initializer_range": 0.3,
    });
    let config = ModelConfig::from_json("config.json".as_ref(), config).unwrap();
    CausalLm::init(&config, seed, &Device::flex())
}

/// The model with a graph for the gradients of its last layer.
pub(crate) fn tracked(model: &CausalLm) -> CausalLm {
    model.train_on(&Trainable::LastLayers { layers: 1 }, 0, &Device::flex().autodiff()).unwrap()
}

/// The bytes of what trains.
pub(crate) fn weights(model: &CausalLm) -> Vec<u8> {
    model.trainable_bytes().unwrap()
}

pub(crate) fn response(ids: &[u32]) -> Response {
    Response { ids: ids.to_vec(), reference: 0.0 }
}

/// Five groups of unlike lengths, of two or three anchors, without reference scores.
pub(crate) fn unscored() -> Vec<TrainingGroup> {
    let group = |n: u32| {
        let long: Vec<u32> = (20..22 + n).collect();
        TrainingGroup {
            id: format!("g{n}"),
            prompt: vec![1 + n, 2, 3],
            anchors: [&[10 + n, 11][..], &long, &[17]].map(response)[..2 + n as usize % 2].to_vec(),
            rejected: response(&[30 + n, 31, 32]),
        }
    };
    (0..5).map(group).collect()
}

/// The same groups, scored by the base.
pub(crate) fn groups(base: &CausalLm) -> Vec<TrainingGroup> {
    let mut groups = unscored();
    groups.iter_mut().for_each(|group| group.score_reference(base, CHUNKING));
    groups
}

/// Ordinary prompts with answers.
pub(crate) fn examples() -> Vec<Example> {
    vec![
        Example::new(&[1, 2], &[3, 4, 5, 6, 7, 8]),
        Example::new(&[9, 8, 7], &[6, 5]),
        Example::new(&[4], &[14, 15, 16]),
    ]
}

/// Two groups a step, at a constant rate, and no stop rule.
pub(crate) fn builder(groups: &[TrainingGroup], steps: usize, rate: f64) -> TrainerBuilder<'_> {
    let schedule = Schedule { peak: rate, warmup_steps: 0, steps, decay: Decay::Constant, ..Schedule::default() };
    Trainer::builder(groups).groups_per_step(2).seed(3).schedule(schedule).chunking(CHUNKING).stop(StopRules::off())
}

/// Checkpoints below `dir`.
pub(crate) fn checkpoints(dir: &Path, every: usize, keep: usize) -> Checkpoints {
    Checkpoints { every, keep, ..Checkpoints::new(dir, "this run") }
}

/// Writes down every event; asks to leave after a step, or fails at one, if told so.
struct Listener {
    events: Rc<RefCell<Vec<Event>>>,
    interrupt: Arc<AtomicBool>,
    leave_after: Option<usize>,
    fail_at: Option<usize>,
}

impl Observer for Listener {
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError> {
        if matches!(event, Event::Step { step, .. } if Some(*step) == self.leave_after) {
            self.interrupt.store(true, Ordering::Relaxed);
        }
        self.events.borrow_mut().push(event.clone());
        match event {
            Event::Step { step, .. } if Some(*step) == self.fail_at => Err(ObserveError::Io {
                path: "events.jsonl".into(),
                action: "append",
                source: std::io::ErrorKind::Other.into(),
            }),
            _ => Ok(()),
        }
    }
}

/// How a run ended, and what it told.
pub(crate) struct Told {
    pub(crate) ended: Result<Trained, TrainError>,
    pub(crate) events: Vec<Event>,
}

impl Told {
    pub(crate) fn trained(&self) -> &Trained {
        self.ended.as_ref().unwrap_or_else(|error| panic!("{error}"))
    }

    /// What `of` finds in the events, in order.
    pub(crate) fn all<T>(&self, of: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.events.iter().filter_map(of).collect()
    }

    /// Numbers of the steps that were told.
    pub(crate) fn steps(&self) -> Vec<usize> {
        self.all(|event| matches!(event, Event::Step { .. }).then(|| event.step()).flatten())
    }

    /// The checks of stop rules: step, rule, value, whether it tripped.
    pub(crate) fn guards(&self) -> Vec<(usize, String, f64, bool)> {
        self.all(|event| match event {
            Event::Guard { step, name, value, tripped, .. } => Some((*step, name.clone(), *value, *tripped)),
            _ => None,
        })
    }

    /// The steps after which the run ended early.
    pub(crate) fn stops(&self) -> Vec<usize> {
        self.all(|event| matches!(event, Event::Stopped { .. }).then(|| event.step()).flatten())
    }
}

/// Trains from the newest checkpoint; asks to leave after a step if told so.
pub(crate) fn run_until(trainer: &Trainer<'_>, model: CausalLm, leave_after: Option<usize>) -> Told {
    listened(trainer, model, leave_after, None)
}

/// Trains from the newest checkpoint until a step cannot be told: as on a kill, nothing is saved after it.
pub(crate) fn killed_at(trainer: &Trainer<'_>, model: CausalLm, step: usize) -> Told {
    listened(trainer, model, None, Some(step))
}

fn listened(trainer: &Trainer<'_>, model: CausalLm, leave_after: Option<usize>, fail_at: Option<usize>) -> Told {
    let events = Rc::new(RefCell::new(Vec::new()));
    let interrupt = Arc::new(AtomicBool::new(false));
    let listener = Listener { events: Rc::clone(&events), interrupt: Arc::clone(&interrupt), leave_after, fail_at };
    let mut observers = Observers::new().with(listener);
    let ended = trainer
        .checkpoint(&mut observers)
        .and_then(|checkpoint| trainer.run(model, checkpoint, &mut observers, &interrupt));
    Told { ended, events: events.take() }
}

pub(crate) fn run(trainer: &Trainer<'_>, model: CausalLm) -> Told {
    run_until(trainer, model, None)
}
