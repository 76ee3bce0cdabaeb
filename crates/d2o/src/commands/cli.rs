//! Arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use d2o_model::Precision;

use crate::commands::hearth::HearthCommand;
use crate::commands::pretrain::PretrainArgs;
use crate::device::default_backend;

/// Align a language model with nothing but its rejected answers.
#[derive(Debug, Parser)]
#[command(name = "d2o", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run all stages: prepare, anchors, train, eval, report. Fresh stages are skipped.
    Train(RunArgs),
    /// Read and check the data, and print what is odd about it.
    Prepare(RunArgs),
    /// Draw, score and store the anchors.
    Anchors(RunArgs),
    /// Measure the trained model of a run directory against its base.
    Eval(RunArgs),
    /// Write report.html from what a run directory holds.
    Report(ReportArgs),
    /// Draw the model's own answers to prompts and write those that show a habit, as rows for --negatives.
    Negatives(NegativesArgs),
    /// Fetch a data set or model of the manifest into the cache.
    Fetch(FetchArgs),
    /// List the presets.
    Presets,
    /// Answer prompts; one JSON object a line.
    Generate(GenerateArgs),
    /// Score answers; one JSON object a line.
    Score(ScoreArgs),
    /// Make a language model from texts, or go on with one.
    Pretrain(PretrainArgs),
    /// Hearth, the small synthetic world: its texts and its exact judge.
    #[command(subcommand)]
    Hearth(HearthCommand),
    /// Compare methods in Hearth, and write the page about it: runs the program `d2o-lab`.
    #[command(disable_help_flag = true)]
    Reproduce(ReproduceArgs),
    /// Write a model in another form.
    Export(ExportArgs),
    /// Measure speed and memory; one JSON object a line.
    #[command(subcommand)]
    Bench(BenchCommand),
}

/// Arguments for `d2o-lab`.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
    /// Handed on as they are; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

/// What a run is made from. Flags stand for `--set` and win over the run file.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A preset or a run file; defaults to the run directory's run.toml, or to the library's defaults.
    #[arg(long, value_name = "PRESET|FILE")]
    pub config: Option<String>,
    /// The model: a directory, a .gguf file, fetch:NAME or hub:OWNER/NAME.
    #[arg(long)]
    pub model: Option<String>,
    /// A PEFT adapter directory on top of the model.
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<String>,
    /// Rejected answers; may be given several times.
    #[arg(long)]
    pub negatives: Vec<String>,
    /// The habit to lose: declining (harmful requests are to be declined), pattern:REGEX, length:max_words=N (also
    /// min_words, max_tokens, min_tokens), judged or judged:LABELLED, command:PROGRAM ARGUMENTS, none, or one of links,
    /// contacts, numbered-lists, digits.
    #[arg(long, value_name = "KIND[:VALUE]")]
    pub habit: Option<String>,
    /// What stands around the prompt, {prompt}, while anchors are drawn; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub instruction: Vec<String>,
    /// Prompts without rejected answers: the model's own answers to them that show the habit are rejected. A file,
    /// fetch:NAME, builtin:NAME, or written:N for N prompts that the model writes itself; may be given several times.
    #[arg(long, value_name = "FILE|NAME")]
    pub prompts: Vec<String>,
    /// A row that cannot be read, or whose prompt cannot be framed, is an error, instead of being left out and told.
    #[arg(long)]
    pub strict: bool,
    /// The run directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The backend.
    #[arg(long)]
    pub backend: Option<String>,
    /// Threads of the processor.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Change one key of the configuration.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Throw away what the directory holds of a run, and begin anew.
    #[arg(long)]
    pub fresh: bool,
    /// Leave out the evaluation.
    #[arg(long)]
    pub no_eval: bool,
}

/// Where rejected answers come from.
#[derive(Debug, Args)]
pub struct NegativesArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The prompts: a file, fetch:NAME, builtin:NAME, or written:N for N that the model writes itself; may be given
    /// several times.
    #[arg(long, value_name = "FILE|NAME", required = true)]
    pub prompts: Vec<String>,
    /// The habit, as `d2o train` takes it.
    #[arg(long, value_name = "KIND[:VALUE]")]
    pub habit: String,
    /// Answers drawn for each prompt.
    #[arg(long, default_value_t = 4)]
    pub samples: usize,
    /// Length limit, tokens.
    #[arg(long, default_value_t = 64)]
    pub max_new_tokens: usize,
    /// Seed.
    #[arg(long, default_value_t = 17)]
    pub seed: u64,
    /// Rows decoded together.
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
}

/// Which run to report on.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run directory.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What to fetch.
#[derive(Debug, Args)]
pub struct FetchArgs {
    /// Names in the manifest; none lists them.
    pub names: Vec<String>,
    /// List what can be fetched.
    #[arg(long, conflicts_with_all = ["names", "all"])]
    pub list: bool,
    /// Fetch everything.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
}

/// A model and where it computes.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// A directory, a .gguf file, fetch:NAME or hub:OWNER/NAME.
    #[arg(long)]
    pub model: String,
    /// The backend.
    #[arg(long, default_value = default_backend())]
    pub backend: String,
    /// Threads of the processor; 0 takes all.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Frame prompts with the model's chat template.
    #[arg(long)]
    pub chat: bool,
}

/// An adapter on top of a model.
#[derive(Debug, Args)]
pub struct AdapterArgs {
    /// A PEFT adapter directory on top of the model; it is kept apart from the weights.
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// Fold the adapter into the weights.
    #[arg(long, requires = "adapter")]
    pub merge_adapter: bool,
}

/// What to answer and how.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// An adapter on top.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Rows `{"id", "prompt"}` or `{"id", "messages"}`.
    #[arg(long, value_name = "FILE.jsonl")]
    pub prompts: PathBuf,
    /// Take the likeliest token every time.
    #[arg(long)]
    pub greedy: bool,
    /// Answers per prompt.
    #[arg(long, default_value_t = 1)]
    pub samples: usize,
    /// Length limit, tokens.
    #[arg(long, default_value_t = 128)]
    pub max_new_tokens: usize,
    /// Temperature.
    #[arg(long, default_value_t = 1.0)]
    pub temperature: f64,
    /// Nucleus.
    #[arg(long, default_value_t = 1.0)]
    pub top_p: f64,
    /// Likeliest tokens to choose from; 0 takes all.
    #[arg(long, default_value_t = 0)]
    pub top_k: usize,
    /// What answers begin with.
    #[arg(long, default_value = "")]
    pub prefill: String,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Rows decoded together.
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
}

/// What to score.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// An adapter on top.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Rows `{"id", "prompt", "response"}`.
    #[arg(long, value_name = "FILE.jsonl")]
    pub data: PathBuf,
    /// Tokens of a forward pass at the most.
    #[arg(long, default_value_t = 1024)]
    pub tokens_per_chunk: usize,
}

/// What to write, from what.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A directory, a .gguf file, fetch:NAME or hub:OWNER/NAME.
    #[arg(long)]
    pub model: String,
    /// A PEFT adapter directory on top of the model; folded into the weights unless the form is peft.
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// What to write: a directory, or a file for GGUF.
    #[arg(long, value_name = "DIR|FILE.gguf")]
    pub out: PathBuf,
    /// Replace what is there even if it is no export.
    #[arg(long)]
    pub force: bool,
    /// Form; by default GGUF where the name ends in .gguf, else hf.
    #[arg(long, value_enum)]
    pub format: Option<FormatArg>,
    /// Type of the weights; by default f32 in directories and f16 in GGUF.
    #[arg(long, value_enum)]
    pub dtype: Option<DtypeArg>,
    /// Weights beyond this many bytes are split into shards with an index; 0 writes one file.
    #[arg(long, value_name = "BYTES", default_value_t = crate::config::SHARD_BYTES)]
    pub shard_bytes: u64,
}

/// Forms of a model on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// A Hugging Face directory: configuration, safetensors, tokenizer, template, generation settings.
    Hf,
    /// One GGUF file with the vocabulary and the template.
    Gguf,
    /// The adapter alone, as PEFT keeps it.
    Peft,
}

/// Types of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DtypeArg {
    /// 32-bit floats.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    F16,
    /// 8-bit integers in blocks of 32; GGUF only.
    #[value(name = "q8_0")]
    Q8_0,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Optimizer steps.
    Step(BenchStepArgs),
    /// Sampling.
    Generate(BenchGenerateArgs),
}

/// How prompts and responses are laid out in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// The prompt repeated for each response.
    Naive,
    /// The prompt once, all responses against it.
    Shared,
}

/// Where a step's reference scores come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reference {
    /// Computed once, before the first step.
    Stored,
    /// Computed at every step.
    Live,
}

/// A step to measure.
#[derive(Debug, Args)]
pub struct BenchStepArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Rows `{"prompt", "rejected", "anchors": [...]}`.
    #[arg(long, value_name = "FILE.jsonl")]
    pub data: PathBuf,
    /// Anchors per prompt.
    #[arg(long, default_value_t = 8)]
    pub k: usize,
    /// Prompts per step.
    #[arg(long, default_value_t = 4)]
    pub prompts: usize,
    /// Steps that count.
    #[arg(long, default_value_t = 5)]
    pub steps: usize,
    /// Steps before them.
    #[arg(long, default_value_t = 1)]
    pub warmup: usize,
    /// Layout.
    #[arg(long, value_enum, default_value = "shared")]
    pub layout: Layout,
    /// Reference scores.
    #[arg(long, value_enum, default_value = "stored")]
    pub reference: Reference,
    /// Train the last layers only; 0 trains everything.
    #[arg(long, default_value_t = 0)]
    pub last_layers: usize,
    /// Tokens in one forward pass at the most.
    #[arg(long, default_value_t = 512)]
    pub tokens_per_chunk: usize,
    /// One pair a prompt, `chosen` against `rejected`: with equal weights D²O is then DPO.
    #[arg(long, conflicts_with = "k")]
    pub pairs: bool,
    /// Instead of measuring, compare loss and gradient of both layouts on one step's rows.
    #[arg(long)]
    pub check: bool,
    /// Memory for what enters the first trained layer, MiB; 0 computes it at every step.
    #[arg(long, default_value_t = 0)]
    pub trunk_mib: usize,
    /// Precision of products.
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: PrecisionArg,
}

/// Precision of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// f32.
    F32,
    /// Factors rounded to bf16.
    Bf16,
}

impl PrecisionArg {
    /// As the model has it.
    #[must_use]
    pub fn of_model(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::Bf16 => Precision::Bf16,
        }
    }
}

/// Sampling to measure.
#[derive(Debug, Args)]
pub struct BenchGenerateArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Rows with a `prompt`.
    #[arg(long, value_name = "FILE.jsonl")]
    pub data: PathBuf,
    /// Prompts decoded together.
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// New tokens per row.
    #[arg(long, default_value_t = 128)]
    pub new: usize,
    /// Samples per prompt.
    #[arg(long, default_value_t = 1)]
    pub samples: usize,
    /// Rounds that count.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
}
