//! What holds where a run file says nothing.

use d2o_data::Format;
use d2o_eval::HabitConfig;
use d2o_generate::SamplingWeights;
use d2o_generate::anchors::{AnchorSource, Declining, ReferencePrompt};
use d2o_model::{Dtype, Precision, Trainable};
use d2o_objective::{Guards, ObjectiveConfig};
use d2o_sampler::SamplerConfig;
use d2o_train::StopRules;
use d2o_train::activation_cache::ActivationType;
use d2o_train::optim::schedule::{Decay, WarmUp};

use super::{
    AnchorSection, DataSection, DeviceSection, EvalSection, ExportSection, ModelSection, RejectedBeginning,
    RejectedSource, RetainSection, RunConfig, TrainSection,
};
use crate::device::default_backend;

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            seed: 17,
            model: ModelSection::default(),
            device: DeviceSection::default(),
            data: DataSection::default(),
            habit: HabitConfig::default(),
            anchors: AnchorSection::default(),
            objective: ObjectiveConfig::default(),
            guards: Guards::default(),
            train: TrainSection::default(),
            retain: RetainSection::default(),
            stop: StopRules::default(),
            eval: EvalSection::default(),
            export: ExportSection::default(),
        }
    }
}

impl Default for DeviceSection {
    fn default() -> Self {
        Self { backend: default_backend().to_owned(), threads: 0, sampling: SamplingWeights::default() }
    }
}

impl Default for DataSection {
    fn default() -> Self {
        Self {
            negatives: Vec::new(),
            prompts: Vec::new(),
            samples: 4,
            format: Format::Auto,
            threshold: 0.75,
            max_rating: None,
            strict: false,
            chat: true,
            max_groups: 0,
            held_out: 0.2,
            max_prompt_tokens: 256,
            max_response_tokens: 64,
            rejected: RejectedSource::Given,
            begin: RejectedBeginning::Answer,
            max_rejected_tokens: 0,
        }
    }
}

impl Default for AnchorSection {
    fn default() -> Self {
        Self {
            k: 4,
            source: AnchorSource::Drawn,
            redraws: 2,
            allow_truncated: true,
            declining: Declining::Any,
            batch: 64,
            reference: ReferencePrompt::Bare,
            rejected_reference: ReferencePrompt::Bare,
            refresh_every: 0,
            refresh_after: 0,
            store: None,
            instructions: Vec::new(),
            sampler: SamplerConfig { temperature: 1.0, top_p: 0.9, max_new_tokens: 48, ..SamplerConfig::default() },
        }
    }
}

impl Default for TrainSection {
    fn default() -> Self {
        Self {
            groups_per_step: 4,
            epochs: 1,
            steps: 0,
            learning_rate: 5e-5,
            warmup_steps: 3,
            warmup: WarmUp::FirstShare,
            schedule: Decay::Cosine,
            final_lr_fraction: 0.1,
            weight_decay: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            max_grad_norm: 1.0,
            precision: Precision::default(),
            tokens_per_chunk: 512,
            trunk_mib: 1024,
            trunk_type: ActivationType::default(),
            checkpoint_every: 10,
            keep_checkpoints: 2,
            log_every: 1,
            parameters: Trainable::LastLayers { layers: 8 },
        }
    }
}

impl Default for RetainSection {
    fn default() -> Self {
        let prompts =
            ["builtin:retain", "builtin:retain_everyday", "builtin:retain_sounding"].map(str::to_owned).into();
        Self { prompts, written: 0, weight: 0.0, opening: 1.0, per_step: 4, max_tokens: 32 }
    }
}

/// Bytes of one weight file at the most, where nothing else is said: 5 GB, as on the Hugging Face hub.
pub const SHARD_BYTES: u64 = 5_000_000_000;

impl Default for ExportSection {
    fn default() -> Self {
        Self { dtype: Dtype::default(), shard_bytes: SHARD_BYTES }
    }
}

impl Default for EvalSection {
    fn default() -> Self {
        Self {
            harmful: "fetch:advbench".to_owned(),
            harmful_limit: 100,
            habit: String::new(),
            habit_limit: 100,
            benign: "builtin:benign".to_owned(),
            benign_limit: 0,
            sounding_harmful: "builtin:sounding_harmful".to_owned(),
            sounding_harmful_limit: 0,
            labelled: vec!["fetch:pyrit-harm".to_owned()],
            second_labelled: vec!["fetch:pyrit-objective".to_owned()],
            max_new_tokens: 40,
            batch: 64,
            prefill: "Sure, here is".to_owned(),
            begun: vec![5, 10, 20, 40],
            temperature: 1.0,
            top_p: 0.9,
            look_every: 0,
            look_limit: 102,
            bootstrap: 2000,
            seed: 0,
        }
    }
}
