//! The run file's sections, with units and the meaning of zero.

use std::path::PathBuf;

use d2o_data::Format;
use d2o_eval::HabitConfig;
use d2o_generate::SamplingWeights;
use d2o_generate::anchors::{AnchorSource, Declining, Instruction, ReferencePrompt};
use d2o_model::{Dtype, Precision, Trainable};
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
    /// Seed of the whole run: held-out split, order of groups, anchors, adapters. `eval.seed` is apart from it.
    pub seed: u64,
    /// The model to align.
    pub model: ModelSection,
    /// Where the run computes.
    pub device: DeviceSection,
    /// The training data: prompts with rejected answers.
    pub data: DataSection,
    /// The habit that the model is to lose: which answers show it. `kind` names how that is told; only the keys of that
    /// kind may stand beside it.
    pub habit: HabitConfig,
    /// The anchors: the model's own answers to the training prompts, which hold it in place.
    pub anchors: AnchorSection,
    /// The loss. `kind` names it; only the keys of that kind may stand beside it.
    pub objective: ObjectiveConfig,
    /// Limits and penalties around any objective that keep a long run from drifting. All are off by default.
    pub guards: Guards,
    /// The training loop: batch size, length, optimizer, memory, checkpoints.
    pub train: TrainSection,
    /// The retain penalty: KL from the base model on harmless prompts, answered by the base itself.
    pub retain: RetainSection,
    /// Stop rules: what ends training early. A limit of 0 switches its rule off.
    pub stop: StopRules,
    /// The evaluation: what is measured before and after training, and on the way.
    pub eval: EvalSection,
    /// How the trained model is written.
    pub export: ExportSection,
}

/// The model to align.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSection {
    /// The base model: a Hugging Face directory, a `.gguf` file, `fetch:NAME`, `hub:OWNER/NAME` or `builtin:hearth`.
    /// Required.
    pub path: String,
    /// A PEFT adapter directory on top of the model; the run starts from both together. Absent: from the model alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<PathBuf>,
}

/// Where the run computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceSection {
    /// The backend, one that was compiled in: `flex` (CPU), `wgpu` or `cuda`.
    pub backend: String,
    /// CPU threads; 0 takes all.
    pub threads: usize,
    /// Type of the weights while answers are sampled; log-probabilities are computed in f32, or as `train.precision` says.
    pub sampling: SamplingWeights,
}

/// The training data: prompts with rejected answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataSection {
    /// Files with rejected answers, `fetch:NAME` or `builtin:hearth/NAME`; at least one, unless there are `prompts`.
    pub negatives: Vec<String>,
    /// Prompts without rejected answers: files, `fetch:NAME`, `builtin:NAME`, or `written:N` for up to N prompts that the
    /// model writes itself. Its own answers to them that show the habit are rejected answers beside those of the rows.
    pub prompts: Vec<String>,
    /// Answers that are drawn for each of those prompts, at least 1.
    pub samples: usize,
    /// The shape of the rows.
    pub format: Format,
    /// Least human score at which an answer counts as rejected, for rows with scores (`scored_csv`); others ignore it.
    pub threshold: f64,
    /// Highest rating at which an answer counts as rejected, for rows with `rating`, `stars` or `score`. Absent: up to 2 of
    /// a rating on a scale that goes to 3 or above; rows with any other number are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rating: Option<f64>,
    /// Whether a row that cannot be read, or whose prompt cannot be framed, ends the run; `false` leaves it out and tells
    /// where it stands.
    pub strict: bool,
    /// Whether the model's chat template frames the prompts; `false` takes them as plain text.
    pub chat: bool,
    /// Most groups to train on; 0 takes all. A group is a prompt with one rejected answer and its anchors.
    pub max_groups: usize,
    /// Held-out split: the share of prompts that training never sees, below 1; 0 holds nothing out.
    pub held_out: f64,
    /// Longest prompt, tokens, at least 1; rows with longer ones are left out.
    pub max_prompt_tokens: usize,
    /// Longest rejected answer, tokens, at least 1; longer ones are cut.
    pub max_response_tokens: usize,
    /// Whose answers are trained against.
    ///
    /// An answer that the model would hardly give cannot be made much less likely, and training against it teaches
    /// little. Where the rows' answers are another model's, `own` trains against the model's own answers to the same
    /// prompts. Nobody has judged those but the habit (`[habit]`), so it has to be one that tells which are bad.
    pub rejected: RejectedSource,
    /// Where in an answer its rejected part begins, for habits of kind `pattern`.
    pub begin: RejectedBeginning,
    /// Length to which rejected answers are cut for training, tokens from their beginning; 0 keeps them whole.
    ///
    /// Whether an answer is harmful is mostly decided in its first tokens. Training against the rest teaches little and
    /// moves probability to other ways of going on from the same beginning.
    pub max_rejected_tokens: usize,
}

/// Whose answers are trained against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedSource {
    /// The answers of the rows.
    #[default]
    Given,
    /// The model's own answers to the rows' prompts, drawn before training, where they show the habit; elsewhere the
    /// row's answer.
    Own,
}

/// Where in an answer its rejected part begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedBeginning {
    /// At the answer's beginning.
    #[default]
    Answer,
    /// Where the pattern first matches. What stands before joins the prompt, so that the anchors are other ways to go on
    /// from there. An answer that does not match is left as it is.
    Habit,
    /// Each answer counts twice, once from either place.
    Both,
}

/// The anchors: the model's own answers to the training prompts, which hold it in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorSection {
    /// Anchors per prompt, at least 1: the `K` of the loss.
    pub k: usize,
    /// Where anchors come from.
    pub source: AnchorSource,
    /// How often an anchor is drawn again when a draft is rejected (empty, looping, a duplicate, or one that shows the
    /// habit); then its slot stays empty. 0 draws once.
    pub redraws: usize,
    /// Whether an answer that was cut at `anchors.sampler.max_new_tokens` may be an anchor.
    pub allow_truncated: bool,
    /// What becomes of answers that are not refusals, as rules on their first words tell, where the habit is `declining`.
    /// Answers that show another habit are never kept. A file without `[habit]` that has this key means `declining`.
    pub declining: Declining,
    /// Answers sampled together, at least 1.
    pub batch: usize,
    /// The prompt under which the frozen base gives an anchor its reference log-probability. `instructed` needs
    /// `stop.max_anchor_kl = 0`.
    pub reference: ReferencePrompt,
    /// The same for the rejected answer; `instructed` averages its probability over the instructions.
    pub rejected_reference: ReferencePrompt,
    /// Steps between two redraws of the anchors by the policy in training; 0 keeps the base's anchors throughout.
    pub refresh_every: usize,
    /// Steps before the first such redraw; 0 starts after `refresh_every` steps.
    pub refresh_after: usize,
    /// Another run's `anchors` directory, used instead of drawing. It has to fit model, data and settings. Absent: draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Instructions in front of the prompt while anchors are drawn, and only then. Anchor `i` takes entry `i` modulo the
    /// length of the list; an empty list draws from the bare prompt.
    pub instructions: Vec<Instruction>,
    /// How anchors are sampled.
    pub sampler: SamplerConfig,
}

/// The training loop: batch size, length, optimizer, memory, checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSection {
    /// Groups in one optimizer step, at least 1: the batch size.
    pub groups_per_step: usize,
    /// Passes over the groups; counts where `steps` is 0.
    pub epochs: usize,
    /// Optimizer steps of the whole run; 0 follows `epochs`.
    pub steps: usize,
    /// Peak learning rate, above 0.
    pub learning_rate: f64,
    /// Steps of linear warm-up; 0 starts at the peak.
    pub warmup_steps: usize,
    /// The learning rate at which the warm-up begins.
    pub warmup: WarmUp,
    /// The learning rate after the warm-up.
    pub schedule: Decay,
    /// Learning rate at the end of a `linear` or `cosine` schedule, as a share of the peak; 0 ends at zero, 1 keeps the
    /// peak.
    pub final_lr_fraction: f64,
    /// AdamW's decoupled weight decay; 0 is none.
    pub weight_decay: f64,
    /// AdamW's β₁, decay of the first moment, from 0 to below 1.
    pub beta1: f64,
    /// AdamW's β₂, decay of the second moment, from 0 to below 1.
    pub beta2: f64,
    /// AdamW's ε, added to the root of the second moment, above 0.
    pub epsilon: f64,
    /// Gradient clipping: the largest global norm; 0 does not clip.
    pub max_grad_norm: f64,
    /// Precision of products, those of the anchors' reference scores included. `bf16` rounds weights, activations and gradients
    /// where linear maps and head multiply them, and computes all sums and everything else in f32. It is meant for
    /// processors that multiply bf16 (AMX, AVX-512 BF16).
    pub precision: Precision,
    /// Most tokens in one forward pass, prompt included: bounds memory, changes no result beyond rounding. A group of up
    /// to twice as many runs in one pass.
    pub tokens_per_chunk: usize,
    /// Activation cache, MiB: what enters the first trained layer is computed once for each group and read at every
    /// later epoch; 0 keeps nothing.
    pub trunk_mib: usize,
    /// Number type of the activation cache.
    pub trunk_type: ActivationType,
    /// Steps between two checkpoints; 0 writes only the last one.
    pub checkpoint_every: usize,
    /// Checkpoints that stay on disk, at least 1.
    pub keep_checkpoints: usize,
    /// Steps between two log entries, at least 1: each reads the device once, for all steps since the last.
    pub log_every: usize,
    /// Which parameters train. `kind` names the choice; only the keys of that kind may stand beside it.
    pub parameters: Trainable,
}

/// The retain penalty: KL from the base model on harmless prompts, answered by the base itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetainSection {
    /// Harmless prompts: files, `fetch:NAME` or `builtin:NAME`. Answers in them are not used.
    pub prompts: Vec<String>,
    /// Further prompts, written by the base model itself (Magpie, arXiv 2406.08464); 0 writes none. Needs a chat
    /// template.
    pub written: usize,
    /// KL weight: the mean KL from the base, nats per token, is multiplied by it and added to the loss; 0 switches the
    /// penalty off.
    pub weight: f64,
    /// Weight of the first four tokens of an answer in that mean, where the model decides whether to refuse; 1 weighs
    /// all tokens alike, 0 leaves the four out.
    pub opening: f64,
    /// Retain prompts in one optimizer step, at least 1.
    pub per_step: usize,
    /// Longest answer of the base to a retain prompt, tokens, at least 1.
    pub max_tokens: usize,
}

/// The evaluation: what is measured before and after training, and on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalSection {
    /// Harmful prompts: a file, `fetch:NAME`, or `builtin:hearth` for Hearth's held-out requests and exact judge. Empty
    /// measures no harm and needs no judges; without a habit there is then no evaluation.
    pub harmful: String,
    /// Most harmful prompts, taken evenly spread; 0 takes all.
    pub harmful_limit: usize,
    /// Prompts on which the habit is counted: a file, `fetch:NAME` or `builtin:NAME`. Empty takes the held-out prompts of
    /// the data (`data.held_out`).
    pub habit: String,
    /// Most of those prompts, taken evenly spread; 0 takes all.
    pub habit_limit: usize,
    /// Everyday prompts with good answers, for perplexity, length and over-refusal: a file or `builtin:benign`.
    pub benign: String,
    /// Most everyday prompts; 0 takes all.
    pub benign_limit: usize,
    /// Harmless prompts that sound harmful, for over-refusal: a file or `builtin:sounding_harmful`.
    pub sounding_harmful: String,
    /// Most of those prompts; 0 takes all.
    pub sounding_harmful_limit: usize,
    /// Answers with human scores on which the first harm judge is fitted.
    pub labelled: Vec<String>,
    /// Answers with human scores on which the second harm judge is fitted.
    pub second_labelled: Vec<String>,
    /// Longest answer, tokens, at least 1.
    pub max_new_tokens: usize,
    /// Answers decoded together, at least 1.
    pub batch: usize,
    /// Prefill attack: the text that answers to harmful prompts are made to begin with. What follows it is judged.
    pub prefill: String,
    /// Answers that have begun: numbers of tokens, at least 1, of the base's own greedy answer that an answer is made to
    /// begin with, where that answer is bad and so long. What follows is judged alone. Empty measures none.
    pub begun: Vec<usize>,
    /// Temperature of sampled answers; 0 makes them greedy.
    pub temperature: f64,
    /// Nucleus sampling: the probability mass of the likeliest tokens that sampled answers draw from, above 0; 1 keeps
    /// all tokens.
    pub top_p: f64,
    /// Periodic evaluation: steps between two rounds of answers to held-out requests while training goes on; 0 is none.
    /// It changes no weight, unless `stop.min_harm_drop` ends the run. The requests are Hearth's where `eval.harmful` is
    /// `builtin:hearth`, else the data's (`data.held_out`), answered greedily and read by the first judge, or by the
    /// habit where it is one of every answer.
    pub look_every: usize,
    /// Most requests of each periodic evaluation, at least 1.
    pub look_limit: usize,
    /// Bootstrap resamples of each confidence interval, at least 1.
    pub bootstrap: usize,
    /// Seed of sampled answers, judges and intervals. It is apart from the run's, so that runs with other seeds compare.
    pub seed: u64,
}

/// How the trained model is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportSection {
    /// Number type of the written weights.
    pub dtype: Dtype,
    /// Largest weight file, bytes: more is split into shards with an index; 0 writes one file.
    pub shard_bytes: u64,
}

impl AnchorSection {
    /// Which drafts are kept: those that show the `habit` are not, unless it is `declining` and the section says so.
    pub fn check(&self, habit: &HabitConfig) -> DraftCheck {
        let truncated = if self.allow_truncated { Fallback::Keep } else { Fallback::Reject };
        let unsuited = match (habit, self.declining) {
            (HabitConfig::None {}, _) | (HabitConfig::Declining {}, Declining::Any) => Fallback::Keep,
            (HabitConfig::Declining {}, Declining::Preferred) => Fallback::LastResort,
            _ => Fallback::Reject,
        };
        DraftCheck { min_tokens: 4, truncated, unsuited, ..DraftCheck::default() }
    }
}

impl EvalSection {
    /// What decides the figures at the end: periodic evaluation changes none of them.
    pub fn at_the_end(&self) -> Self {
        Self { look_every: 0, look_limit: 0, ..self.clone() }
    }

    /// Whether there is anything to measure, with this `habit`.
    pub fn measures(&self, habit: &HabitConfig) -> bool {
        !self.harmful.is_empty() || *habit != HabitConfig::None {}
    }

    /// The harmful set's name in metrics: that of the file or fetched entry.
    pub fn harmful_name(&self) -> String {
        let name = self.harmful.rsplit([':', '/']).next().unwrap_or("harmful");
        name.split('.').next().unwrap_or(name).to_owned()
    }
}
