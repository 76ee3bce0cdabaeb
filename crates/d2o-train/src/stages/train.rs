//! The `train` stage: from groups with stored scores to a trained model on disk.

use std::path::{Path, PathBuf};
use std::time::Instant;

use d2o_data::{Encoder, Limits, Sequence};
use d2o_model::{CausalLm, Trainable, save_hf, save_peft};

use super::anchors;
use super::look;
use super::retain::retain_rows;
use super::run::Run;
use crate::anchors::store::AnchorStore;
use crate::config::{ExportSection, builtin};
use crate::durable;
use crate::error::TrainError;
use crate::events::Event;
use crate::observe::JsonLines;
use crate::prepared::PreparedRow;
use crate::trainer::adamw::AdamW;
use crate::trainer::anchor_kl::AnchorKl;
use crate::trainer::group::TrainingGroup;
use crate::trainer::guarded::Guarded;
use crate::trainer::order::Order;
use crate::trainer::retain::Retain;
use crate::trainer::run::{Trained, Training};
use crate::trainer::schedule::Schedule;
use crate::trainer::stop::StopRules;
use crate::trainer::watch::WatchSet;

const STAGE: &str = d2o_record::stage::TRAIN;

/// Trains on the store's groups and writes the model below the run directory.
///
/// Returns the model's directory. A model that this configuration has already made is taken over.
///
/// # Errors
/// Non-finite figures, failed writes, a checkpoint of another run, an interruption.
pub fn train(run: &mut Run<'_>, store: &AnchorStore, fresh: bool) -> anyhow::Result<PathBuf> {
    let retained = (run.config.retain.weight > 0.0).then(|| retain_rows(run)).transpose()?;
    let (rows, print) = retained.unwrap_or_default();
    let fingerprint = fingerprint(run, store, &print)?;
    let out = output(run);
    if fresh {
        discard(&run.dir.join("checkpoints"))?;
    } else if run.ledger.is_fresh(STAGE, &fingerprint) && d2o_model::weight_files(&out).is_ok() {
        let reason = format!("{} is fresh", out.display());
        run.observers.emit(&Event::StageSkipped { stage: STAGE.to_owned(), reason })?;
        return Ok(out);
    }
    let began = Instant::now();
    run.observers.emit(&Event::StageStarted { stage: STAGE.to_owned() })?;
    let groups: Vec<TrainingGroup> = store.groups.iter().map(|group| group.training_group()).collect();
    let base = run.base.model.clone();
    let training = Training {
        refresh: anchors::refresh((&run.base, &run.data.train), &run.config, anchors::settings(run), store)?,
        anchor_kl: anchor_kl(run, &base),
        retain: retain(run, &base, rows),
        ..training(run, &groups, fingerprint.clone())?
    };
    let checkpoint = training.checkpoint(&mut run.observers)?;
    let resumed_from = checkpoint.as_ref().map(|checkpoint| checkpoint.state.step);
    let events = JsonLines::resume(&run.dir.join("events.jsonl"), resumed_from.unwrap_or(0))?;
    run.observers.add(events);
    let parameters = &run.config.train.parameters;
    let model = run.base.model.train_on(parameters, run.config.seed, &run.device.clone().autodiff())?;
    run.observers.emit(&started(run, &training, &model, resumed_from))?;
    let trained = training.run(model, checkpoint, &mut run.observers, run.interrupt)?;
    export(run, &trained, &out)?;
    run.ledger.finish(STAGE, &fingerprint)?;
    let ending = trained.stopped.as_ref().map_or_else(String::new, |reason| format!(", stopped early: {reason}"));
    run.observers.emit(&Event::StageFinished {
        stage: STAGE.to_owned(),
        wall_s: began.elapsed().as_secs_f64(),
        detail: format!("{} steps{ending}; {}", trained.steps, out.display()),
    })?;
    Ok(out)
}

fn training<'g>(run: &Run<'_>, groups: &'g [TrainingGroup], fingerprint: String) -> anyhow::Result<Training<'g>> {
    let config = &run.config.train;
    let order = Order::new(groups.len(), config.groups_per_step, run.config.seed);
    let steps = if config.steps > 0 { config.steps } else { config.epochs * order.steps_per_epoch() };
    let stop = &run.config.stop;
    let stop = StopRules {
        max_anchor_kl: stop.max_anchor_kl,
        max_benign_perplexity_increase: stop.max_benign_perplexity_increase,
        min_entropy: stop.min_entropy,
        min_negatives_gain: stop.min_negatives_gain,
        min_harm_drop: stop.min_harm_drop,
        patience: stop.patience,
    };
    let watch = if stop.watches() { watch_set(&run.base.encoder)? } else { WatchSet::default() };
    Ok(Training {
        loss: Guarded { objective: run.config.objective, guards: run.config.guards },
        groups,
        order,
        schedule: Schedule {
            peak: config.learning_rate,
            warmup_steps: config.warmup_steps,
            warmup: config.warmup,
            steps,
            decay: config.schedule,
            final_fraction: config.final_lr_fraction,
        },
        adamw: AdamW {
            beta1: config.beta1,
            beta2: config.beta2,
            epsilon: config.epsilon,
            weight_decay: config.weight_decay,
        },
        max_grad_norm: config.max_grad_norm,
        chunking: run.chunking(),
        trunk: (config.trunk_type, config.trunk_mib),
        stop,
        refresh: None,
        anchor_kl: None,
        retain: None,
        watch,
        negatives: if stop.min_negatives_gain > 0.0 { held_out(run) } else { WatchSet::default() },
        watch_every: run.config.stop.check_every,
        looks: look::looks(run)?,
        log_every: config.log_every,
        checkpoint_every: config.checkpoint_every,
        keep_checkpoints: config.keep_checkpoints,
        checkpoints: run.dir.join("checkpoints"),
        fingerprint,
    })
}

fn anchor_kl<'b>(run: &Run<'_>, base: &'b CausalLm) -> Option<AnchorKl<'b>> {
    let weight = run.config.guards.anchor_kl;
    (weight > 0.0).then_some(AnchorKl { base, weight })
}

fn retain<'b>(run: &Run<'_>, base: &'b CausalLm, rows: Vec<Sequence>) -> Option<Retain<'b>> {
    let config = &run.config.retain;
    (!rows.is_empty()).then(|| Retain {
        base,
        order: Order::new(rows.len(), config.per_step, run.config.seed),
        rows,
        weight: config.weight,
        opening: config.opening,
    })
}

/// The held-out rows as prompts with their rejected answers.
fn held_out(run: &Run<'_>) -> WatchSet {
    let sequence = |row: &PreparedRow| Sequence {
        ids: [row.prompt_ids.as_slice(), &row.rejected_ids].concat(),
        prompt_len: row.prompt_ids.len(),
    };
    WatchSet::new(run.data.held_out.iter().map(sequence).collect())
}

fn watch_set(encoder: &Encoder) -> Result<WatchSet, TrainError> {
    let limits = Limits { max_prompt_tokens: usize::MAX, max_response_tokens: usize::MAX };
    let rows = builtin::prompts(builtin::RETAIN)?;
    let rows = rows.iter().filter_map(|row| Some((row, row.response.as_ref()?)));
    let sequences = rows
        .map(|(row, response)| Ok(encoder.sequence(&row.prompt, response, &limits)?.0))
        .collect::<Result<Vec<_>, TrainError>>()?;
    Ok(WatchSet::new(sequences))
}

fn started(run: &Run<'_>, training: &Training<'_>, model: &CausalLm, resumed_from: Option<usize>) -> Event {
    Event::RunStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: run.config.seed,
        model: run.config.model.path.clone(),
        backend: run.config.device.backend.clone(),
        objective: run.config.objective.name().to_owned(),
        parameters_total: model.parameters() as u64,
        parameters_trained: model.trainable_parameters() as u64,
        groups: training.groups.len(),
        anchors_per_group: run.config.anchors.k,
        steps: training.steps(),
        resumed_from,
    }
}

/// Where the trained model goes.
pub fn output(run: &Run<'_>) -> PathBuf {
    run.dir.join("model")
}

/// Fingerprint of a trained model's weights, in one file or in shards.
///
/// # Errors
/// A directory without weights, or a file that cannot be read.
pub fn weights_print(dir: &Path) -> Result<String, TrainError> {
    let files = d2o_model::weight_files(dir)?;
    if let [only] = files.as_slice() {
        return Ok(durable::sha256_file(only)?);
    }
    let digests = files.iter().map(|file| durable::sha256_file(file)).collect::<Result<Vec<_>, _>>()?;
    Ok(durable::sha256(digests.concat().as_bytes()))
}

/// The trained model of a run directory, untracked.
///
/// # Errors
/// A directory without a model, or one of another architecture.
pub fn load_trained(run: &Run<'_>, dir: &Path) -> anyhow::Result<CausalLm> {
    Ok(d2o_model::load(dir, &run.device)?.model)
}

fn discard(dir: &Path) -> Result<(), TrainError> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(d2o_record::FileError { path: dir.to_path_buf(), source: error }.into())
        }
        _ => Ok(()),
    }
}

fn export(run: &Run<'_>, trained: &Trained, out: &Path) -> anyhow::Result<()> {
    let model = trained.model.frozen();
    if matches!(run.config.train.parameters, Trainable::Lora { .. }) {
        // A run that began with an adapter writes both as one, which stands on the untouched base.
        let adapted = run.base.adapted().map(|under| model.stack_adapters(under)).transpose()?;
        save_peft(adapted.as_ref().unwrap_or(&model), &run.dir.join("adapter"), &run.config.model.path)?;
    }
    // Adapters are folded in: the model directory is whole by itself.
    let ExportSection { dtype, shard_bytes } = run.config.export;
    save_hf(&model, out, dtype, (shard_bytes > 0).then_some(shard_bytes))?;
    run.base.encoder.save(out)?;
    Ok(())
}

/// Everything that decides the trained weights.
fn fingerprint(run: &Run<'_>, store: &AnchorStore, retained: &str) -> anyhow::Result<String> {
    let config = &run.config;
    let mut train = config.train.clone();
    // How often to look and save changes no weight.
    (train.log_every, train.checkpoint_every, train.keep_checkpoints) = (1, 1, 1);
    // Nor does how much is kept of what would be computed again, unless it is rounded.
    train.trunk_mib = 0;
    let mut parts = serde_json::to_vec(&(
        (&config.objective, &config.guards),
        &train,
        &config.stop,
        (&config.retain, retained),
        config.seed,
        store.fingerprint(),
        run.base.origins()?,
    ))?;
    if config.stop.min_harm_drop > 0.0 {
        parts.extend(serde_json::to_vec(&config.eval)?);
    }
    let anchors = &config.anchors;
    if anchors.refresh_every > 0 {
        let drawn = (anchors.refresh_every, anchors.refresh_after, anchors.batch, &store.manifest.origins);
        parts.extend(serde_json::to_vec(&drawn)?);
    }
    Ok(durable::sha256(&parts))
}
