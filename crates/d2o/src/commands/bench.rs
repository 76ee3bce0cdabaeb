//! `d2o bench`: speed and memory of a step and of sampling, in the units of the PyTorch scripts.

use std::fs;
use std::io::Write;
use std::path::Path;

use d2o_data::{DataError, load_prompts};
use d2o_generate::{Decoding, LanguageModel, answer};
use d2o_model::Trainable;
use d2o_model::responses::Chunking;
use d2o_objective::ObjectiveConfig;
use d2o_record::durable::at;
use d2o_record::meter::{Meter, memory};
use d2o_sampler::SamplerConfig;
use d2o_text::{Encoder, Prompt};
use d2o_train::activation_cache::{ActivationCache, ActivationCacheConfig, ActivationType};
use d2o_train::gradient::GuardedObjective;
use d2o_train::gradient::group::GroupPass;
use d2o_train::optim::adamw::AdamW;
use d2o_train::optim::gradients::{GradientSum, clip_global_norm};
use d2o_train::readings::{Readings, group_figures};
use d2o_train::trainer::HEAD_ROWS;
use d2o_train::{Response, TrainingGroup};
use serde::Deserialize;
use serde_json::json;

use super::warn;
use crate::commands::cli::{BenchGenerateArgs, BenchStepArgs, Layout, ModelArgs, Reference};
use crate::commands::interrupt;
use crate::device;
use crate::stages::prompts::framed;

mod check;

/// One row of a benchmark file.
#[derive(Deserialize)]
struct BenchRow {
    prompt: String,
    rejected: String,
    #[serde(default)]
    chosen: Option<String>,
    #[serde(default)]
    anchors: Vec<String>,
}

/// Prints one object a step and a summary.
///
/// # Errors
/// A model or rows that cannot be read, too few rows or anchors.
pub fn step(args: &BenchStepArgs) -> anyhow::Result<()> {
    let (base, device) = open(&args.model)?;
    let mut reference = base.model.clone().with_precision(args.precision.of_model());
    reference.pack_weights();
    let mut groups = read_groups(&args.data, &base.encoder, if args.pairs { 0 } else { args.k })?;
    let needed = args.prompts * (args.steps + args.warmup);
    anyhow::ensure!(!groups.is_empty(), "{}: no rows", args.data.display());
    let chunking = match args.layout {
        Layout::Shared => Chunking { tokens: args.tokens_per_chunk, head_rows: HEAD_ROWS },
        // A budget below any response: each runs alone behind its own copy of the prompt.
        Layout::Naive => Chunking { tokens: 0, head_rows: HEAD_ROWS },
    };
    if args.reference == Reference::Stored || args.check {
        for index in 0..groups.len().min(needed) {
            groups[index].score_reference(&reference, chunking);
        }
    }
    let trainable = match args.last_layers {
        0 => Trainable::All {},
        layers => Trainable::LastLayers { layers },
    };
    let objective = ObjectiveConfig::D2o { beta: 0.1, alpha: 0.1 };
    let mut model = reference.train_on(&trainable, 0, &device.autodiff())?;
    model.pack_weights();

    let mut out = std::io::stdout().lock();
    if args.check {
        let groups = &groups[..args.prompts.min(groups.len())];
        return check::check(
            &mut out,
            &model,
            &objective,
            groups,
            Chunking { tokens: args.tokens_per_chunk, head_rows: HEAD_ROWS },
        );
    }
    let mut optimizer = AdamW::default().optimizer();
    let kept = ActivationCacheConfig { kind: ActivationType::F32, mib: args.trunk_mib };
    let mut activations = ActivationCache::new(&model, kept);
    let mut laps = Vec::new();
    let mut tokens_seen = 0;
    for step in 0..args.warmup + args.steps {
        let mut meter = Meter::default();
        model.pack_weights();
        let mut sum = GradientSum::default();
        let mut figures = Vec::new();
        let mut tokens = 0;
        for prompt in 0..args.prompts {
            let index = (step * args.prompts + prompt) % groups.len();
            if args.reference == Reference::Live {
                groups[index].score_reference(&reference, chunking);
            }
            let group = &groups[index];
            let (policy, loss, scale) = (&model, &GuardedObjective::from(objective), 1.0 / args.prompts as f64);
            let pass = GroupPass { policy, loss, group, scale, chunking };
            let scored = pass.accumulate(activations.group(index), &mut sum);
            figures.push(group_figures(&objective, &scored));
            tokens += group.naive_tokens();
        }
        let gradients = sum.take().unwrap_or_default();
        let (gradients, norm) = clip_global_norm(&model, gradients, 1.0);
        let mut readings = Readings::default();
        readings.push(figures, norm, [None, None]);
        model.unpack_trained();
        model = optimizer.step(1e-5, model, gradients);
        let figures = readings.read();
        let lap = meter.lap();
        let loss = figures.first().map(|read| read.figures.loss);
        let line = json!({
            "step": step, "wall_s": lap.wall_s, "cpu_s": lap.cpu_s, "loss": loss,
            "grad_norm": figures.first().map(|read| read.figures.grad_norm),
            "tokens": tokens, "rss_mb": memory().resident_mib, "warmup": step < args.warmup,
        });
        writeln!(out, "{line}")?;
        if step >= args.warmup {
            laps.push((lap.wall_s, lap.cpu_s));
            tokens_seen += tokens;
        }
    }
    summary(&mut out, &laps, tokens_seen)
}

/// Prints one object a round and a summary.
///
/// # Errors
/// A model or prompts that cannot be read.
pub fn generate(args: &BenchGenerateArgs) -> anyhow::Result<()> {
    let (base, _) = open(&args.model)?;
    let rows = load_prompts(&args.data)?;
    framed(&rows[..args.batch.min(rows.len())], &base.encoder)?;
    let prompts: Vec<Prompt> = rows
        .iter()
        .take(args.batch)
        .flat_map(|row| std::iter::repeat_n(row.prompt.clone(), args.samples.max(1)))
        .collect();
    let sampler = SamplerConfig { temperature: 1.0, max_new_tokens: args.new, ..SamplerConfig::default() };
    let model = base.model.for_sampling();
    let mut laps = Vec::new();
    let mut tokens_seen = 0;
    let mut out = std::io::stdout().lock();
    for round in 0..=args.rounds {
        let decoding =
            Decoding { sampler: sampler.clone(), prefill: String::new(), batch: prompts.len(), seed: round as u64 };
        let mut meter = Meter::default();
        let answers = answer(&model, &base.encoder, &prompts, &decoding, interrupt(), |_| {})?;
        let lap = meter.lap();
        let tokens: usize = answers.iter().map(|answer| answer.ids.len()).sum();
        let line = json!({
            "step": round, "wall_s": lap.wall_s, "cpu_s": lap.cpu_s, "tokens": tokens,
            "rss_mb": memory().resident_mib, "warmup": round == 0,
        });
        writeln!(out, "{line}")?;
        if round > 0 {
            laps.push((lap.wall_s, lap.cpu_s));
            tokens_seen += tokens;
        }
    }
    summary(&mut out, &laps, tokens_seen)
}

fn open(args: &ModelArgs) -> anyhow::Result<(LanguageModel, burn::tensor::Device)> {
    device::limit_threads(args.threads);
    let device = device::open(&args.backend)?;
    let base = LanguageModel::open(&d2o_fetch::resolve_model(&args.model)?, args.chat, &device)?;
    warn(&base.warnings)?;
    Ok((base, device))
}

/// Groups of `k` anchors; with 0, of one: the chosen response.
fn read_groups(path: &Path, encoder: &Encoder, k: usize) -> anyhow::Result<Vec<TrainingGroup>> {
    let text = at(path, fs::read_to_string(path))?;
    let mut groups = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", path.display(), index + 1);
        let row: BenchRow = serde_json::from_str(line).map_err(|error| anyhow::anyhow!("{}: {error}", place()))?;
        let anchors = if k == 0 { row.chosen.into_iter().collect() } else { row.anchors };
        let (found, field) = (anchors.len(), if k == 0 { "chosen" } else { "anchors" });
        anyhow::ensure!(found > 0, "{}: field `{field}`: expected at least 1", place());
        let response = |text: &str| Response { ids: encoder.response_ids(text), reference: 0.0 };
        groups.push(TrainingGroup {
            id: place(),
            prompt: encoder
                .prompt_ids(&Prompt::Text(row.prompt))
                .map_err(|problem| DataError::of_row(problem, place()))?,
            // More anchors than the row has: it is about their cost, so they repeat.
            anchors: (0..k.max(1)).map(|anchor| response(&anchors[anchor % found])).collect(),
            rejected: response(&row.rejected),
        });
    }
    Ok(groups)
}

fn summary(out: &mut impl Write, laps: &[(f64, f64)], tokens: usize) -> anyhow::Result<()> {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let wall: f64 = laps.iter().map(|lap| lap.0).sum();
    let line = json!({
        "event": "summary",
        "median_s": median(laps.iter().map(|lap| lap.0).collect()),
        "median_cpu_s": median(laps.iter().map(|lap| lap.1).collect()),
        "tok_per_s": tokens as f64 / wall.max(f64::MIN_POSITIVE),
        "peak_rss_mb": memory().peak_mib,
        "steps": laps.len(),
    });
    writeln!(out, "{line}")?;
    Ok(())
}
