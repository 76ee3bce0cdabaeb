//! The run file's sections, with units and the meaning of zero.

use std::path::PathBuf;

use d2o_data::Format;
use d2o_generate::SamplingWeights;
use d2o_generate::anchors::{AnchorSource, Declining, Instruction, ReferencePrompt};
use d2o_model::{Dtype, Trainable};
use d2o_objective::{Guards, ObjectiveConfig};
use d2o_sampler::{DraftCheck, Fallback, SamplerConfig};
use d2o_train::StopRules;
use d2o_train::activation_cache::ActivationType;
use d2o_train::optim::schedule::{Decay, WarmUp};
use serde::{Deserialize, Serialize};

/// Everything that decides what a run does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// All randomness of the run follows from it.
    pub seed: u64,
    /// The model to align.
    pub model: ModelSection,
    /// Where it computes.
    pub device: DeviceSection,
    /// The rejected answers.
    pub data: DataSection,
    /// The model's own answers.
    pub anchors: AnchorSection,
    /// The loss; `kind` names it, and only its own knobs may stand beside.
    pub objective: ObjectiveConfig,
    /// What holds a long run, around any objective; all off by default.
    pub guards: Guards,
    /// The optimizer's loop.
    pub train: TrainSection,
    /// What holds the model to itself on ordinary prompts.
    pub retain: RetainSection,
    /// What ends a run early; 0 switches a rule off.
    pub stop: StopRules,
    /// What is measured before and after.
    pub eval: EvalSection,
    /// The model that comes out.
    pub export: ExportSection,
}

/// The model to align.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSection {
    /// A Hugging Face directory, a `.gguf` file, `fetch:NAME` or `hub:OWNER/NAME`.
    pub path: String,
    /// A PEFT adapter directory on top; the run starts from both together. None starts from the model alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<PathBuf>,
}

/// Where it computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceSection {
    /// `flex` (processor), `wgpu`, `cuda`: one that was compiled in.
    pub backend: String,
    /// Threads of the processor; 0 takes all.
    pub threads: usize,
    /// Type of the weights while answers are drawn; scores are always computed in f32.
    pub sampling: SamplingWeights,
}

/// The rejected answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataSection {
    /// Files, or `fetch:NAME`.
    pub negatives: Vec<String>,
    /// How rows are shaped; `auto` looks at name and fields.
    pub format: Format,
    /// Least human score of a rejected answer, for scored rows.
    pub threshold: f64,
    /// Whether the model's chat template frames prompts; without, prompts are plain text.
    pub chat: bool,
    /// Groups to train on at the most; 0 takes all.
    pub max_groups: usize,
    /// Share of prompts that training never sees, for evaluation; 0 holds nothing out.
    pub held_out: f64,
    /// Longer prompts are left out, tokens.
    pub max_prompt_tokens: usize,
    /// Longer answers are cut, tokens.
    pub max_response_tokens: usize,
    /// Whose answers are pushed down: `given` or `own`.
    ///
    /// What the model would not say can hardly be made less likely, and pushing it teaches little. Where the rows' answers
    /// are somebody else's, the model's own to the same prompts show what it has to unlearn; nobody has judged them, so
    /// take this only for prompts to which every answer but a declining one is bad.
    pub rejected: RejectedSource,
    /// Of a rejected answer to train on, only this many tokens from its beginning count; 0 leaves it whole.
    ///
    /// Whether an answer will hurt is decided where it begins. Pushing what follows down as well teaches little, and
    /// moves its probability to whatever else may follow a bad beginning.
    pub max_rejected_tokens: usize,
}

/// Whose answers are pushed down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedSource {
    /// Those of the rows.
    #[default]
    Given,
    /// The model's own to the rows' prompts, drawn before training; where it declines, the row's.
    Own,
}

/// The model's own answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorSection {
    /// Answers per prompt, the K of the loss.
    pub k: usize,
    /// Where anchors come from.
    pub source: AnchorSource,
    /// Drafts of a slot that may be thrown away before it stays empty.
    pub redraws: usize,
    /// Whether an answer that was cut at the length limit counts.
    pub allow_truncated: bool,
    /// What becomes of answers that do not decline, judged by their beginning.
    pub declining: Declining,
    /// Rows decoded together.
    pub batch: usize,
    /// What the frozen base sees in front of an anchor that it scores: `bare`, the prompt as it is, or `instructed`,
    /// the prompt behind the anchor's own instruction.
    pub reference: ReferencePrompt,
    /// The same for the rejected answer; `instructed` is the mixture of the slots' instructions.
    pub rejected_reference: ReferencePrompt,
    /// Steps after which the policy draws the anchors of the coming ones anew; 0 keeps the base's.
    pub refresh_every: usize,
    /// Steps before it does so for the first time.
    pub refresh_after: usize,
    /// Another run's `anchors` directory to take over instead of drawing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What stands in front of a prompt while slot `i` is drawn: entry `i mod len`; none draws from the bare prompt.
    pub instructions: Vec<Instruction>,
    /// How answers are drawn.
    pub sampler: SamplerConfig,
}

/// The optimizer's loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSection {
    /// Groups in one optimizer step.
    pub groups_per_step: usize,
    /// Passes over the groups, where `steps` is 0.
    pub epochs: usize,
    /// Optimizer steps; 0 follows `epochs`.
    pub steps: usize,
    /// Peak of the learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up; 0 starts at the peak.
    pub warmup_steps: usize,
    /// `first_share`: no step has rate zero; `zero`: the first one has, as in transformers.
    pub warmup: WarmUp,
    /// `constant`, `linear` or `cosine`: what follows the warm-up.
    pub schedule: Decay,
    /// What a line or cosine falls to, as a share of the peak; 1 keeps it constant.
    pub final_lr_fraction: f64,
    /// Decoupled weight decay; 0 is none.
    pub weight_decay: f64,
    /// Decay of AdamW's first moment.
    pub beta1: f64,
    /// Decay of AdamW's second moment.
    pub beta2: f64,
    /// Added to the root of AdamW's second moment.
    pub epsilon: f64,
    /// Largest global gradient norm; 0 does not clip.
    pub max_grad_norm: f64,
    /// Tokens in one forward pass at the most, prompt included: bounds memory, changes no result. A group of up to twice as
    /// many runs in one pass, since several need a sum of gradients of their own.
    pub tokens_per_chunk: usize,
    /// Memory for what enters the first trained layer, MiB: computed once for each group and read at every later
    /// epoch; 0 keeps nothing.
    pub trunk_mib: usize,
    /// How that is kept: `f32` changes no bit, `bf16` takes half the memory.
    pub trunk_type: ActivationType,
    /// Steps between two checkpoints; 0 writes only the last.
    pub checkpoint_every: usize,
    /// Checkpoints that stay on disk.
    pub keep_checkpoints: usize,
    /// Steps between two reads of the device.
    pub log_every: usize,
    /// Which weights train.
    pub parameters: Trainable,
}

/// What holds the model to itself on ordinary prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetainSection {
    /// Harmless prompts: files, `fetch:NAME` or `builtin:NAME`; answers in them are not used.
    pub prompts: Vec<String>,
    /// Prompts that the base writes itself, beside those (Magpie, arXiv 2406.08464); 0 has none written. Takes a chat
    /// template.
    pub written: usize,
    /// What the mean KL from the base, nats per token, is multiplied by; 0 switches the penalty off.
    pub weight: f64,
    /// What the first four tokens of an answer count in that mean, where it is decided whether to decline; 1 treats
    /// all tokens alike.
    pub opening: f64,
    /// Prompts beside the groups in one optimizer step.
    pub per_step: usize,
    /// Length limit of the base's own answers, tokens.
    pub max_tokens: usize,
}

/// What is measured before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalSection {
    /// Harmful prompts: a file or `fetch:NAME`; empty skips the evaluation.
    pub harmful: String,
    /// Prompts taken of them, evenly spread; 0 takes all.
    pub harmful_limit: usize,
    /// Everyday prompts with good answers: a file or `builtin:benign`.
    pub benign: String,
    /// Prompts taken of them; 0 takes all.
    pub benign_limit: usize,
    /// Harmless prompts that sound harmful: a file or `builtin:sounding_harmful`.
    pub sounding_harmful: String,
    /// Prompts taken of them; 0 takes all.
    pub sounding_harmful_limit: usize,
    /// Scored answers on which the first judge is fitted.
    pub labelled: Vec<String>,
    /// Scored answers on which the second judge is fitted.
    pub second_labelled: Vec<String>,
    /// Length limit of an answer, tokens.
    pub max_new_tokens: usize,
    /// Rows decoded together.
    pub batch: usize,
    /// What prefilled answers begin with.
    pub prefill: String,
    /// Temperature of sampled answers.
    pub temperature: f64,
    /// Nucleus of sampled answers.
    pub top_p: f64,
    /// Steps between two looks at answers to held-out requests while training goes on; 0 never looks. Changes no weight,
    /// unless `stop.min_harm_drop` ends the run. The requests are those of `builtin:hearth` where `harmful` is that,
    /// elsewhere the data's (`data.held_out`), answered greedily and read by the first judge.
    pub look_every: usize,
    /// Requests asked at each look.
    pub look_limit: usize,
    /// Resamples of the confidence intervals.
    pub bootstrap: usize,
    /// Seed of sampled answers, judges and intervals: apart from the run's, so that runs compare.
    pub seed: u64,
}

/// The model that comes out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportSection {
    /// Type of the exported weights.
    pub dtype: Dtype,
    /// Weights beyond this many bytes are split into shards with an index; 0 writes one file.
    pub shard_bytes: u64,
}

impl AnchorSection {
    /// Which drafts are kept.
    pub fn check(&self) -> DraftCheck {
        let truncated = if self.allow_truncated { Fallback::Keep } else { Fallback::Reject };
        let unsuited = match self.declining {
            Declining::Any => Fallback::Keep,
            Declining::Preferred => Fallback::LastResort,
            Declining::Required => Fallback::Reject,
        };
        DraftCheck { min_tokens: 4, truncated, unsuited, ..DraftCheck::default() }
    }
}

impl EvalSection {
    /// What decides the figures at the end: looks on the way change none of them.
    pub fn at_the_end(&self) -> Self {
        Self { look_every: 0, look_limit: 0, ..self.clone() }
    }

    /// The harmful set's name in metrics: that of the file or fetched entry.
    pub fn harmful_name(&self) -> String {
        let name = self.harmful.rsplit([':', '/']).next().unwrap_or("harmful");
        name.split('.').next().unwrap_or(name).to_owned()
    }
}
