//! Arguments.

mod bench;
mod model;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::bench::{BenchCommand, BenchGenerateArgs, BenchStepArgs, Layout, PrecisionArg, Reference};
pub use self::model::{AdapterArgs, DtypeArg, ExportArgs, FormatArg, GenerateArgs, ModelArgs, ScoreArgs};
use crate::commands::hearth::HearthCommand;
use crate::commands::pretrain::PretrainArgs;

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
