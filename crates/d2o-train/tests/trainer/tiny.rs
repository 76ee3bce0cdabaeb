//! A tiny random model and groups of token ids.

use burn::tensor::Device;
use d2o_model::{CausalLm, ModelConfig, Trainable};
use d2o_train::{Chunking, Response, StopRules, TrainerBuilder, TrainingGroup};
use serde_json::json;

/// Equal bits are promised on the processor.
pub(crate) fn device() -> Device {
    Device::flex()
}

pub(crate) fn base() -> CausalLm {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "tie_word_embeddings": true, "initializer_range": 0.3,
    });
    let config = ModelConfig::from_json("config.json".as_ref(), config).unwrap();
    CausalLm::init(&config, 5, &device())
}

pub(crate) fn policy(base: &CausalLm) -> CausalLm {
    base.train_on(&Trainable::LastLayers { layers: 1 }, 0, &device().autodiff()).unwrap()
}

/// Five groups of two anchors and a rejected answer, without reference scores.
pub(crate) fn unscored() -> Vec<TrainingGroup> {
    let answer = |ids: &[u32]| Response { ids: ids.to_vec(), reference: 0.0 };
    let group = |index: u32| TrainingGroup {
        id: format!("group {index}"),
        prompt: vec![1, 2, 3 + index],
        anchors: vec![answer(&[10 + index, 11, 12]), answer(&[20, 21 + index])],
        rejected: answer(&[30, 31 + index, 32, 33]),
    };
    (0..5).map(group).collect()
}

pub(crate) fn groups(base: &CausalLm) -> Vec<TrainingGroup> {
    let mut groups = unscored();
    groups.iter_mut().for_each(|group| group.score_reference(base, CHUNKING));
    groups
}

/// Small enough that a group takes several forward passes.
pub(crate) const CHUNKING: Chunking = Chunking { tokens: 8, head_rows: 3 };

/// Two groups a step, so that an epoch ends in the middle of a run.
pub(crate) fn builder(groups: &[TrainingGroup]) -> TrainerBuilder<'_> {
    d2o_train::Trainer::builder(groups).groups_per_step(2).learning_rate(1e-2).chunking(CHUNKING).stop(StopRules::off())
}
