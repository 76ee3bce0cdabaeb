//! Arguments of the commands that measure speed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use d2o_model::Precision;

use super::model::ModelArgs;

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
