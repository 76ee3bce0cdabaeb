//! `d2o pretrain`: a language model from texts.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use d2o_model::{Dtype, Trainable, save_hf};
use d2o_record::directory::NewDirectory;
use d2o_record::durable::{self, at};
use d2o_record::{Event, JsonLines, Observers, RunLock, digest, storage};
use d2o_train::optim::adamw::AdamW;
use d2o_train::optim::schedule::{Decay, Schedule, WarmUp};
use d2o_train::pretrain::{PretrainRow, Pretraining};
use serde::Serialize;

use super::{demand, interrupt, warn};
use crate::device;
use crate::device::default_backend;
use crate::error::RunError;
use crate::pretrain::rows::{Predicted, read};
use crate::pretrain::start::{NewModel, Start};
use crate::terminal::Progress;

/// Positions whose logits are held at once.
const HEAD_ROWS: usize = 1024;

/// What to learn from, and how long.
#[derive(Debug, Args, Serialize)]
pub struct PretrainArgs {
    /// Rows `{"prompt", "response"}` in JSON lines, or paragraphs of a .txt file; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub data: Vec<String>,
    /// The directory of the run: model/, events.jsonl, checkpoints/.
    #[arg(long, value_name = "DIR")]
    #[serde(skip)]
    pub out: PathBuf,
    /// Throw away what the directory holds of a run, and begin anew.
    #[arg(long)]
    #[serde(skip)]
    pub fresh: bool,
    /// The model to go on with; without one, random weights and a new tokenizer.
    #[arg(long)]
    pub model: Option<String>,
    /// Which tokens are predicted.
    #[arg(long, value_enum, default_value = "all")]
    pub loss: LossArg,
    /// Optimizer steps.
    #[arg(long, default_value_t = 1000)]
    pub steps: usize,
    /// Rows in a step.
    #[arg(long, default_value_t = 32)]
    pub rows_per_step: usize,
    /// Peak of the learning rate.
    #[arg(long, default_value_t = 3e-3)]
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    #[arg(long, default_value_t = 50)]
    pub warmup_steps: usize,
    /// What the cosine falls to, as a share of the peak.
    #[arg(long, default_value_t = 0.05)]
    pub final_lr_fraction: f64,
    /// Decoupled weight decay.
    #[arg(long, default_value_t = 0.0)]
    pub weight_decay: f64,
    /// Largest global gradient norm; 0 does not clip.
    #[arg(long, default_value_t = 1.0)]
    pub max_grad_norm: f64,
    /// Longer rows are cut, tokens.
    #[arg(long, default_value_t = 128)]
    pub max_tokens: usize,
    /// Seed of weights and order.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Vocabulary of a new tokenizer.
    #[arg(long, default_value_t = 2048)]
    pub vocab: usize,
    /// Width of a new model.
    #[arg(long, default_value_t = 128)]
    pub width: usize,
    /// Layers of a new model.
    #[arg(long, default_value_t = 4)]
    pub layers: usize,
    /// Attention heads of a new model.
    #[arg(long, default_value_t = 4)]
    pub heads: usize,
    /// Width inside a new model's feed-forward part.
    #[arg(long, default_value_t = 352)]
    pub inner: usize,
    /// Steps between two checkpoints; 0 writes only the last.
    #[arg(long, default_value_t = 200)]
    #[serde(skip)]
    pub checkpoint_every: usize,
    /// Steps between two reads of the device.
    #[arg(long, default_value_t = 10)]
    #[serde(skip)]
    pub log_every: usize,
    /// Type of the written weights.
    #[arg(long, value_enum, default_value = "f32")]
    #[serde(skip)]
    pub dtype: WeightsArg,
    /// The backend.
    #[arg(long, default_value = default_backend())]
    pub backend: String,
    /// Threads of the processor; 0 takes all.
    #[arg(long, default_value_t = 0)]
    #[serde(skip)]
    pub threads: usize,
}

/// Which tokens are predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossArg {
    /// Every token: plain language modelling.
    All,
    /// The tokens of the answers only.
    Response,
}

/// Types of written weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WeightsArg {
    /// 32-bit floats.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl WeightsArg {
    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::Bf16 => Dtype::Bf16,
            Self::F16 => Dtype::F16,
        }
    }
}

/// Trains, and writes the model below the run directory.
///
/// # Errors
/// Data or a model that cannot be read, sizes that no model can have, an interruption.
pub fn pretrain(args: &PretrainArgs) -> anyhow::Result<()> {
    for (flag, value) in
        [("--steps", args.steps), ("--rows-per-step", args.rows_per_step), ("--log-every", args.log_every)]
    {
        demand(flag, value > 0, "at least 1", value)?;
    }
    let mut lock = RunLock::directory(&args.out)?;
    let mut observers = Observers::new().with(Progress::stderr());
    if let Some(message) = lock.warning() {
        observers.emit(&Event::Warning { message })?;
    }
    device::limit_threads(args.threads);
    let device = device::open(&args.backend)?;
    let mut files = Vec::new();
    for reference in &args.data {
        files.extend(d2o_fetch::resolve_files(reference)?);
    }
    let raw = read(&files)?;
    let start = match &args.model {
        Some(model) => Start::from_model(&d2o_fetch::resolve_model(model)?, &device)?,
        None => Start::random(sizes(args), &raw, args.seed, &device)?,
    };
    warn(&start.warnings)?;
    let predicted = match args.loss {
        LossArg::All => Predicted::All,
        LossArg::Response => Predicted::Response,
    };
    let mut rows = Vec::with_capacity(raw.len());
    for row in &raw {
        rows.extend(row.encode(&start.encoder, predicted, args.max_tokens)?);
    }
    demand("--max-tokens", !rows.is_empty(), "a length that leaves tokens to predict", args.max_tokens)?;
    let model = start.model.train_on(&Trainable::All {}, args.seed, &device.autodiff())?;
    let pretraining = pretraining(args, &rows)?;
    let out = args.out.join("model");
    let resumes_at = if args.fresh { 0 } else { pretraining.resumes_at()? };
    if resumes_at == 0 && !args.fresh && out.exists() {
        let reason = "it was made with other settings or data, or its checkpoints are gone".to_owned();
        return Err(RunError::Stale { path: out, reason }.into());
    }
    lock.accept();
    durable::remove_partial(&args.out, None, &[])?;
    if args.fresh {
        for dir in [&pretraining.checkpoints, &out] {
            at(dir, storage::remove_dir_all(dir))?;
        }
    }
    durable::write(&args.out.join("pretrain.toml"), toml::to_string_pretty(args)?.as_bytes())?;
    observers.add(JsonLines::resume(&args.out.join("events.jsonl"), resumes_at)?);
    observers.emit(&Event::StageStarted { stage: "pretrain".to_owned() })?;
    let trained = pretraining.run(model, &mut observers, interrupt())?;
    let new = NewDirectory::new(&out)?;
    save_hf(&trained.frozen(), new.path(), args.dtype.dtype(), None)?;
    start.encoder.save(new.path())?;
    new.put_in_place()?;
    writeln!(std::io::stdout(), "{}", out.display())?;
    Ok(())
}

fn sizes(args: &PretrainArgs) -> NewModel {
    let &PretrainArgs { vocab, width, layers, heads, inner, .. } = args;
    NewModel { vocab, width, layers, heads, inner, context: (2 * args.max_tokens).max(256) }
}

fn pretraining<'a>(args: &PretrainArgs, rows: &'a [PretrainRow]) -> anyhow::Result<Pretraining<'a>> {
    let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids.as_slice()).collect();
    let fingerprint = digest::sha256(&serde_json::to_vec(&(args, digest::sha256(&serde_json::to_vec(&ids)?)))?);
    Ok(Pretraining {
        rows,
        rows_per_step: args.rows_per_step,
        seed: args.seed,
        schedule: Schedule {
            peak: args.learning_rate,
            warmup_steps: args.warmup_steps,
            warmup: WarmUp::FirstShare,
            steps: args.steps,
            decay: Decay::Cosine,
            final_fraction: args.final_lr_fraction,
        },
        adamw: AdamW { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weight_decay: args.weight_decay },
        max_grad_norm: args.max_grad_norm,
        head_rows: HEAD_ROWS,
        log_every: args.log_every,
        checkpoint_every: args.checkpoint_every,
        checkpoints: args.out.join("checkpoints"),
        fingerprint,
    })
}
