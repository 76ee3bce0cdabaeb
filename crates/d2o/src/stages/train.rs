//! The `train` stage: from groups with stored scores to a trained model on disk.

use std::path::{Path, PathBuf};
use std::time::Instant;

use d2o_data::{DataError, EncodedRow};
use d2o_generate::anchors::AnchorStore;
use d2o_kernels::Level;
use d2o_model::{CausalLm, Precision, Trainable, save_hf, save_peft};
use d2o_record::directory::{self, NewDirectory};
use d2o_record::{Event, JsonLines, digest, jsonl, stage};
use d2o_text::{Encoder, Limits};
use d2o_train::activation_cache::ActivationCacheConfig;
use d2o_train::checkpoint::Checkpoint;
use d2o_train::monitor::{PeriodicEvaluation, ValidationSet};
use d2o_train::optim::adamw::AdamW;
use d2o_train::optim::order::Order;
use d2o_train::optim::schedule::Schedule;
use d2o_train::penalty::{AnchorKl, Retain};
use d2o_train::{Checkpoints, Example, Trained, Trainer, TrainerBuilder, TrainingGroup};

use super::anchors;
use super::retain::{self, retain_rows};
use super::run::Run;
use crate::config::{ExportSection, builtin};
use crate::error::RunError;

const STAGE: &str = stage::TRAIN;

/// What the stage leaves in a run directory.
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const EVENTS: &str = "events.jsonl";
pub(super) const MODEL: &str = "model";
pub(super) const ADAPTER: &str = "adapter";

/// Trains on the store's groups and writes the model below the run directory; `evaluation` asks on the way.
///
/// Returns the model's directory. A model that this configuration has already made is taken over.
///
/// # Errors
/// Non-finite figures, failed writes, a checkpoint of another run, an interruption.
pub fn train(
    run: &mut Run<'_>,
    store: &AnchorStore,
    evaluation: Option<PeriodicEvaluation<'_>>,
) -> anyhow::Result<PathBuf> {
    let fingerprint = fingerprint(run, store)?;
    let out = output(run);
    if run.ledger.is_fresh(STAGE, &fingerprint) && d2o_model::weight_files(&out).is_ok() {
        intact(&out)?;
        let reason = format!("{} is fresh", out.display());
        run.observers.emit(&Event::StageSkipped { stage: STAGE.to_owned(), reason })?;
        return Ok(out);
    }
    let began = Instant::now();
    let rows = retain_rows(run)?;
    run.observers.emit(&Event::StageStarted { stage: STAGE.to_owned() })?;
    let groups: Vec<TrainingGroup> = store.groups.iter().map(|group| group.training_group()).collect();
    let base = run.reference();
    let settings = anchors::settings(run);
    let trainer = builder(run, &groups, &fingerprint)?
        .redraw({
            let of = (&base, &run.base.encoder, &run.habit);
            anchors::redraw(of, &run.data.train, &run.config, settings, store)?
        })
        .anchor_kl(anchor_kl(run, &base))
        .retain(retain_penalty(run, &base, rows))
        .evaluation(evaluation)
        .build()?;
    let checkpoint = trainer.checkpoint(&mut run.observers)?;
    let resumed_from = checkpoint.as_ref().map(|checkpoint| checkpoint.state.step);
    let path = run.dir.join(EVENTS);
    run.observers.add(JsonLines::resume(&path, resumed_from.unwrap_or(0))?);
    let lost = jsonl::lost_steps(&path, resumed_from.unwrap_or(0))?;
    if lost > 0 {
        let message = format!("{}: {lost} steps before the checkpoint are not told any more", path.display());
        run.observers.emit(&Event::Warning { message })?;
    }
    let parameters = &run.config.train.parameters;
    let model = run.base.model.train_on(parameters, run.config.seed, &run.device.clone().autodiff())?;
    let model = model.with_precision(run.config.train.precision);
    run.observers.emit(&started(run, &groups, trainer.steps(), &model, resumed_from))?;
    let trained = trainer.run(model, checkpoint, &mut run.observers, run.interrupt)?;
    export(run, &trained, &out)?;
    run.ledger.finish(STAGE, &fingerprint, &[])?;
    let ending = trained.stopped.as_ref().map_or_else(String::new, |reason| format!(", stopped early: {reason}"));
    run.observers.emit(&Event::StageFinished {
        stage: STAGE.to_owned(),
        wall_s: began.elapsed().as_secs_f64(),
        detail: format!("{} steps{ending}; {}", trained.steps, out.display()),
    })?;
    Ok(out)
}

/// Whether training may begin or go on here, before anything is drawn or written; `store` where there is one.
///
/// # Errors
/// [`RunError::Stale`] or a stale checkpoint where another run has trained, parameters that the model does not have,
/// knobs out of their range.
pub(super) fn check(run: &Run<'_>, store: Option<&AnchorStore>) -> anyhow::Result<()> {
    let (parameters, seed) = (&run.config.train.parameters, run.config.seed);
    run.base.model.train_on(parameters, seed, &run.device.clone().autodiff())?;
    retain::fingerprint(run)?;
    let Some(store) = store else { return Ok(()) };
    let fingerprint = fingerprint(run, store)?;
    let known = Checkpoint::check(&run.dir.join(CHECKPOINTS), &fingerprint)?;
    let out = output(run);
    if !known && out.exists() && !run.ledger.is_fresh(STAGE, &fingerprint) {
        let reason = "it was trained with another configuration, model or set of anchors".to_owned();
        return Err(RunError::Stale { path: out, reason }.into());
    }
    Ok(())
}

/// Refuses a model that is not as it was written.
///
/// # Errors
/// [`RunError::Damaged`] naming the directory and the file.
pub fn intact(dir: &Path) -> Result<(), RunError> {
    match directory::damaged(dir)? {
        None => Ok(()),
        Some(file) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Err(RunError::Damaged { path: dir.to_path_buf(), reason: format!("{name} is not as it was written") })
        }
    }
}

/// What the run file says of training; what reads the base or the rows comes on top.
fn builder<'g>(run: &Run<'_>, groups: &'g [TrainingGroup], fingerprint: &str) -> anyhow::Result<TrainerBuilder<'g>> {
    let (config, stop) = (&run.config.train, run.config.stop);
    let validation =
        if stop.needs_validation() { validation_set(&run.base.encoder)? } else { ValidationSet::default() };
    let negatives = if stop.min_negatives_gain > 0.0 { held_out(run) } else { ValidationSet::default() };
    let checkpoints = Checkpoints {
        dir: run.dir.join(CHECKPOINTS),
        every: config.checkpoint_every,
        keep: config.keep_checkpoints,
        fingerprint: fingerprint.to_owned(),
    };
    Ok(Trainer::builder(groups)
        .objective(run.config.objective)
        .guards(run.config.guards)
        .groups_per_step(config.groups_per_step)
        .seed(run.config.seed)
        .epochs(config.epochs)
        .schedule(Schedule {
            peak: config.learning_rate,
            warmup_steps: config.warmup_steps,
            warmup: config.warmup,
            steps: config.steps,
            decay: config.schedule,
            final_fraction: config.final_lr_fraction,
        })
        .optimizer(AdamW {
            beta1: config.beta1,
            beta2: config.beta2,
            epsilon: config.epsilon,
            weight_decay: config.weight_decay,
        })
        .max_grad_norm(config.max_grad_norm)
        .precision(config.precision)
        .chunking(run.chunking())
        .activation_cache(ActivationCacheConfig { kind: config.trunk_type, mib: config.trunk_mib })
        .stop(stop)
        .validation(validation)
        .held_out_negatives(negatives)
        .log_every(config.log_every)
        .checkpoints(checkpoints))
}

fn anchor_kl<'b>(run: &Run<'_>, base: &'b CausalLm) -> Option<AnchorKl<'b>> {
    let weight = run.config.guards.anchor_kl;
    (weight > 0.0).then_some(AnchorKl { base, weight })
}

fn retain_penalty<'b>(run: &Run<'_>, base: &'b CausalLm, rows: Vec<Example>) -> Option<Retain<'b>> {
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
fn held_out(run: &Run<'_>) -> ValidationSet {
    let example = |row: &EncodedRow| Example::new(&row.prompt_ids, &row.rejected_ids);
    ValidationSet::new(run.data.held_out.iter().map(example).collect())
}

/// Everyday prompts with good answers.
fn validation_set(encoder: &Encoder) -> anyhow::Result<ValidationSet> {
    let limits = Limits { max_prompt_tokens: usize::MAX, max_response_tokens: usize::MAX };
    let rows = builtin::prompts(builtin::RETAIN)?;
    let rows = rows.iter().filter_map(|row| Some((row, row.response.as_ref()?)));
    let examples = rows.map(|(row, response)| {
        let (sequence, _) = encoder
            .sequence(&row.prompt, response, &limits)
            .map_err(|problem| DataError::of_row(problem, &row.place))?;
        Ok(Example::new(sequence.prompt(), sequence.response()))
    });
    Ok(ValidationSet::new(examples.collect::<anyhow::Result<_>>()?))
}

fn started(
    run: &Run<'_>,
    groups: &[TrainingGroup],
    steps: usize,
    model: &CausalLm,
    resumed_from: Option<usize>,
) -> Event {
    Event::RunStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: run.config.seed,
        model: run.config.model.path.clone(),
        backend: run.config.device.backend.clone(),
        precision: precision(model),
        objective: run.config.objective.name().to_owned(),
        parameters_total: model.parameters() as u64,
        parameters_trained: model.trainable_parameters() as u64,
        groups: groups.len(),
        anchors_per_group: run.config.anchors.k,
        steps,
        resumed_from,
    }
}

/// The precision in which a model's products are computed and, where the processor multiplies bf16, by which instructions.
fn precision(model: &CausalLm) -> String {
    let name = model.precision().name();
    match model.precision() {
        Precision::Bf16 if model.is_on_cpu() => format!("{name} ({})", Level::best().name()),
        _ => name.to_owned(),
    }
}

/// Where the trained model goes.
pub fn output(run: &Run<'_>) -> PathBuf {
    run.dir.join(MODEL)
}

/// Fingerprint of a trained model's weights, in one file or in shards.
///
/// # Errors
/// A directory without weights, or a file that cannot be read.
pub fn weights_print(dir: &Path) -> anyhow::Result<String> {
    let files = d2o_model::weight_files(dir)?;
    if let [only] = files.as_slice() {
        return Ok(digest::sha256_file(only)?);
    }
    let digests = files.iter().map(|file| digest::sha256_file(file)).collect::<Result<Vec<_>, _>>()?;
    Ok(digest::sha256(digests.concat().as_bytes()))
}

/// The trained model of a run directory, untracked.
///
/// # Errors
/// A directory without a model, or one of another architecture.
pub fn load_trained(run: &Run<'_>, dir: &Path) -> anyhow::Result<CausalLm> {
    Ok(d2o_model::load(dir, &run.device)?.model)
}

fn export(run: &Run<'_>, trained: &Trained, out: &Path) -> anyhow::Result<()> {
    let model = trained.model.frozen();
    if matches!(run.config.train.parameters, Trainable::Lora { .. }) {
        // A run that began with an adapter writes both as one, which stands on the untouched base.
        let adapted = run.base.adapted().map(|under| model.stack_adapters(under)).transpose()?;
        let new = NewDirectory::new(&run.dir.join(ADAPTER))?;
        save_peft(adapted.as_ref().unwrap_or(&model), new.path(), &run.config.model.path)?;
        new.put_in_place()?;
    }
    // Adapters are folded in: the model directory is whole by itself.
    let ExportSection { dtype, shard_bytes } = run.config.export;
    let new = NewDirectory::new(out)?;
    save_hf(&model, new.path(), dtype, (shard_bytes > 0).then_some(shard_bytes))?;
    run.base.encoder.save(new.path())?;
    Ok(new.put_in_place()?)
}

/// Everything that decides the trained weights.
fn fingerprint(run: &Run<'_>, store: &AnchorStore) -> anyhow::Result<String> {
    let (config, retained) = (&run.config, retain::fingerprint(run)?);
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
    Ok(digest::sha256(&parts))
}
