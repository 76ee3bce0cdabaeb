//! Trains a tiny random model on four groups of token ids, is interrupted in the middle, and goes on from there.
//!
//! `cargo run -p d2o-train --example own_loop`

#![allow(clippy::print_stdout, missing_docs, reason = "an example prints what it finds")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use d2o_model::{CausalLm, ModelConfig, ModelError, Trainable};
use d2o_objective::ObjectiveConfig;
use d2o_record::{Event, ObserveError, Observer, Observers};
use d2o_train::{Checkpoints, Chunking, Response, TrainError, Trainer, TrainingGroup};
use serde_json::json;

const CHUNKING: Chunking = Chunking { tokens: 512, head_rows: 256 };

/// Prints progress, and interrupts the run after step 15 as Ctrl-C would.
struct Progress(Arc<AtomicBool>);

impl Observer for Progress {
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError> {
        if let Event::Step { step, steps, figures, .. } = event {
            println!("step {step:2} of {steps}: loss {:.4}", figures.loss);
            self.0.store(*step == 15, Ordering::Relaxed);
        }
        Ok(())
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let base = tiny(&device)?;
    let mut groups: Vec<TrainingGroup> = (0..4).map(group).collect();
    // The base's scores, stored once. Or leave this out and add `.live_reference(&base)` to the builder.
    groups.iter_mut().for_each(|group| group.score_reference(&base, CHUNKING));

    let dir = tempfile::tempdir()?;
    let trainer = Trainer::builder(&groups)
        .objective(ObjectiveConfig::D2o { beta: 0.1, alpha: 0.1 })
        .steps(30)
        .learning_rate(3e-3)
        .checkpoints(Checkpoints::new(dir.path(), "own_loop"))
        .build()?;
    let policy = base.train_on(&Trainable::All {}, 0, &device.autodiff())?;

    let interrupt = Arc::new(AtomicBool::new(false));
    let mut observers = Observers::new().with(Progress(interrupt.clone()));
    let left = trainer.run(policy.clone(), None, &mut observers, &interrupt);
    assert!(matches!(left, Err(TrainError::Interrupted { step: 15 })));
    // The second call finds the checkpoint and takes the other fifteen steps, with nobody watching.
    let trained = trainer.train(policy)?;
    assert_eq!(trained.steps, 30);

    let (anchors, rejected) = log_ratios(&trained.model.frozen(), &groups);
    println!("log-ratios: anchors {anchors:+.2} nats, rejected {rejected:+.2} nats");
    assert!(rejected < -1.0 && rejected < anchors, "the rejected answers fell");
    Ok(())
}

/// A prompt, two anchors and a rejected answer; `reference` is filled in by `score_reference`.
fn group(index: u32) -> TrainingGroup {
    let answer = |ids: [u32; 3]| Response { ids: ids.map(|id| id + index).to_vec(), reference: 0.0 };
    TrainingGroup {
        id: format!("group {index}"),
        prompt: vec![1, 2, 3 + index],
        anchors: vec![answer([10, 11, 12]), answer([20, 21, 22])],
        rejected: answer([30, 31, 32]),
    }
}

/// Mean `log π_θ(y|x) − log π_ref(y|x)` over the anchors and over the rejected answers, nats.
fn log_ratios(policy: &CausalLm, groups: &[TrainingGroup]) -> (f64, f64) {
    let (mut anchors, mut rejected) = (Vec::new(), Vec::new());
    for stored in groups {
        let mut now = stored.clone();
        now.score_reference(policy, CHUNKING);
        anchors.extend(now.anchors.iter().zip(&stored.anchors).map(|(now, then)| now.reference - then.reference));
        rejected.push(now.rejected.reference - stored.rejected.reference);
    }
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    (mean(anchors), mean(rejected))
}

/// A Llama of two layers with random weights; `d2o_model::load` reads real ones.
fn tiny(device: &Device) -> Result<CausalLm, ModelError> {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 128, "tie_word_embeddings": true,
    });
    Ok(CausalLm::init(&ModelConfig::from_json(Path::new("config.json"), config)?, 1, device))
}
