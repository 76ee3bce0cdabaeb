//! Arguments of the commands that take a model, and no run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::device::default_backend;

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
