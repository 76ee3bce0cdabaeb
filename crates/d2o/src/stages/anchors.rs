//! The `anchors` stage: draws, scores and stores the anchors, or takes a fresh store over.

use std::path::{Path, PathBuf};
use std::time::Instant;

use d2o_data::EncodedRow;
use d2o_eval::Habit;
use d2o_generate::anchors::{
    AnchorSource, AnchorStore, DrawSettings, Drawer, ReferencePrompt, Refresh, StoredGroup, check_partial,
};
use d2o_generate::{Origins, ending};
use d2o_model::{CausalLm, Precision};
use d2o_record::durable::at;
use d2o_record::{Event, FileError, digest, stage, storage};
use d2o_sampler::AnchorConfig;
use d2o_text::Encoder;
use d2o_train::redraw::Redraw;

use super::run::Run;
use crate::config::RunConfig;
use crate::error::RunError;

const STAGE: &str = stage::ANCHORS;

/// Where the store lies in a run directory.
pub(super) const DIRECTORY: &str = "anchors";

/// Finished blocks of a draw that is not finished.
const PARTIAL: &str = "partial.jsonl";

/// Draws the anchors, or reads those that are there.
///
/// # Errors
/// [`GenerateError::Stale`](d2o_generate::GenerateError::Stale) for a store that was drawn from another model, tokenizer,
/// template, data or settings; sampling errors, failed writes.
pub fn anchors(run: &mut Run<'_>) -> anyhow::Result<AnchorStore> {
    let settings = settings(run);
    let dir = place(run);
    let origins = origins(run, &settings)?;
    let Some(store) = known(run, &dir, &origins)? else {
        return draw(run, &settings, &dir, origins);
    };
    let reason = format!("{} groups in {} are fresh", store.groups.len(), dir.display());
    run.observers.emit(&Event::StageSkipped { stage: STAGE.to_owned(), reason })?;
    if run.config.anchors.store.is_none() {
        discard_partial(&dir)?;
    }
    Ok(store)
}

/// Whether anchors may be drawn or taken over here, before anything is written; the store, where there is one.
///
/// # Errors
/// A store, or the beginning of one, that was drawn from something else or is damaged.
pub(super) fn check(run: &Run<'_>) -> anyhow::Result<Option<AnchorStore>> {
    let (settings, dir) = (settings(run), place(run));
    let origins = origins(run, &settings)?;
    let store = known(run, &dir, &origins)?;
    if store.is_none() {
        check_partial(&dir.join(PARTIAL), &origins)?;
    }
    Ok(store)
}

/// The same for a store that is shared with other runs and that a fresh run does not draw anew.
///
/// # Errors
/// A shared store that is not there, was drawn from something else or is damaged.
pub(super) fn check_shared(run: &Run<'_>) -> anyhow::Result<()> {
    if run.config.anchors.store.is_some() {
        check(run)?;
    }
    Ok(())
}

/// Where the store lies: in the run directory, unless it is shared.
fn place(run: &Run<'_>) -> PathBuf {
    run.config.anchors.store.as_ref().map_or_else(|| run.dir.join(DIRECTORY), PathBuf::from)
}

/// The store that is there and fits.
fn known(run: &Run<'_>, dir: &Path, origins: &Origins) -> anyhow::Result<Option<AnchorStore>> {
    let store = AnchorStore::read(dir)?;
    match &store {
        Some(store) => store.check(dir, origins)?,
        None if run.config.anchors.store.is_some() => {
            let reason = "there is no anchor store".to_owned();
            return Err(RunError::Stale { path: dir.to_path_buf(), reason }.into());
        }
        None => {}
    }
    Ok(store)
}

/// Blocks that were left beside a store that is whole.
fn discard_partial(dir: &Path) -> Result<(), FileError> {
    let partial = dir.join(PARTIAL);
    if partial.exists() { at(&partial, storage::remove_file(&partial)) } else { Ok(()) }
}

fn draw(run: &mut Run<'_>, settings: &DrawSettings, dir: &Path, origins: Origins) -> anyhow::Result<AnchorStore> {
    let began = Instant::now();
    run.observers.emit(&Event::StageStarted { stage: STAGE.to_owned() })?;
    let total = run.data.train.len();
    let mut reference = run.reference();
    reference.pack_weights();
    let drawer = Drawer {
        model: &reference,
        sampler: run.config.device.sampling.of(&run.base.model),
        encoder: &run.base.encoder,
        settings,
        habit: &run.habit,
        interrupt: run.interrupt,
    };
    let partial = dir.join(PARTIAL);
    let observers = &mut run.observers;
    let (groups, counts) = drawer.draw(&run.data.train, &origins, &partial, |done| {
        let event = Event::Progress { stage: STAGE.to_owned(), done, total, unit: "prompts".to_owned() };
        observers.emit(&event)
    })?;
    if groups.is_empty() {
        let reason = format!("no draft of {} passed the filters: {counts:?}", counts.drawn);
        return Err(RunError::NoGroups { reason }.into());
    }
    let summary = serde_json::to_value(&run.config.anchors)?;
    let store = AnchorStore::write(dir, groups, origins, summary, settings.seed, counts)?;
    discard_partial(dir)?;
    let counts = &store.manifest.drafts;
    run.observers.emit(&Event::StageFinished {
        stage: STAGE.to_owned(),
        wall_s: began.elapsed().as_secs_f64(),
        detail: format!(
            "{} groups; {} drafts, dropped: {} empty, {} looping, {} duplicate, {} truncated, {} {}; {} slots unfilled",
            store.groups.len(),
            counts.drawn,
            counts.empty,
            counts.looping,
            counts.duplicate,
            counts.truncated,
            counts.not_declining,
            if run.habit.is_of_every_answer() { "showing the habit" } else { "not declining" },
            counts.unfilled
        ),
    })?;
    Ok(store)
}

/// How the run file says that anchors are drawn.
pub(super) fn settings(run: &Run<'_>) -> DrawSettings {
    let config = &run.config.anchors;
    let sampler = ending(config.sampler.clone(), &run.base.encoder);
    DrawSettings {
        source: config.source,
        k: config.k,
        instructions: config.instructions.clone(),
        anchors: AnchorConfig { sampler, check: config.check(&run.config.habit), redraws: config.redraws },
        batch: config.batch,
        seed: run.config.seed,
        reference: config.reference,
        rejected_reference: config.rejected_reference,
        chunking: run.chunking(),
    }
}

/// How the policy draws them anew while it trains, if the run file asks for that; `base` scores what it draws.
///
/// # Errors
/// [`RunError::Stale`] for a store whose groups are not those of the data.
pub(super) fn redraw<'r>(
    (base, encoder, habit): (&'r CausalLm, &'r Encoder, &'r Habit),
    rows: &'r [EncodedRow],
    config: &RunConfig,
    settings: DrawSettings,
    store: &AnchorStore,
) -> Result<Option<Redraw<'r>>, RunError> {
    let (every, after) = (config.anchors.refresh_every, config.anchors.refresh_after);
    if every == 0 {
        return Ok(None);
    }
    // The store keeps the rows' order and leaves some out.
    let mut left = rows.iter();
    let row_of = |group: &StoredGroup| left.find(|row| row.id == group.id && row.prompt_ids == group.prompt_ids);
    let rows = store.groups.iter().map(row_of).collect::<Option<Vec<_>>>();
    let rows = rows.ok_or_else(|| RunError::Stale {
        path: PathBuf::from("anchors"),
        reason: "these groups are not those of the data".to_owned(),
    })?;
    let sampling = config.device.sampling;
    let source = Box::new(Refresh { base, encoder, settings, habit, sampling, rows });
    Ok(Some(Redraw { every, after, source }))
}

/// What the anchors depend on. Everything else in the run file may change and keep them fresh.
fn origins(run: &Run<'_>, settings: &DrawSettings) -> anyhow::Result<Origins> {
    let mut origins = run.base.origins()?;
    origins.insert("data".to_owned(), run.data.fingerprint.clone());
    let weights = run.config.device.sampling;
    // The model's end tokens beside the usual one have a place of their own among the origins.
    let others = &run.base.encoder.end_tokens()[1..];
    let mut configured = settings.anchors.clone();
    let own = &run.config.anchors.sampler.stop_tokens;
    configured.sampler.stop_tokens.retain(|id| own.contains(id) || !others.contains(id));
    let drawn = serde_json::to_vec(&(weights, settings.k, &settings.instructions, &configured, settings.seed))?;
    origins.insert("configuration of [anchors] or seed".to_owned(), digest::sha256(&drawn));
    if let Some(print) = &run.habit_print {
        origins.insert("habit".to_owned(), print.clone());
    }
    let references = (settings.reference, settings.rejected_reference);
    if references != (ReferencePrompt::Bare, ReferencePrompt::Bare) {
        origins.insert("reference".to_owned(), digest::sha256(&serde_json::to_vec(&references)?));
    }
    let precision = run.config.train.precision;
    if precision != Precision::default() {
        origins.insert("precision of the reference scores (train.precision)".to_owned(), precision.name().to_owned());
    }
    if settings.source == AnchorSource::Chosen {
        let chosen: Vec<&[u32]> = run.data.train.iter().map(|row| row.chosen_ids.as_slice()).collect();
        origins.insert("set of preferred answers".to_owned(), digest::sha256(&serde_json::to_vec(&chosen)?));
    }
    Ok(origins)
}
