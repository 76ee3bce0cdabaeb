//! The base's own answers to ordinary prompts, drawn once, those left out that show the habit: what retain rows are held
//! to.

use std::fs;
use std::path::Path;

use d2o_eval::{Answered, Habit};
use d2o_generate::{Answer, Decoding, answer};
use d2o_record::durable::{self, at};
use d2o_record::{Event, FileError, digest, seal};
use d2o_sampler::SamplerConfig;
use d2o_text::Prompt;
use d2o_train::Example;
use serde::{Deserialize, Serialize};

use super::prompts::{framed, prompts};
use super::run::Run;
use super::written::{frame, written};
use crate::error::RunError;

/// Where the answers lie in a run directory.
pub(super) const FILE: &str = "retain.json";

/// Answers on disk, with the fingerprint of what they were drawn from.
#[derive(Serialize, Deserialize)]
struct Stored {
    fingerprint: String,
    rows: Vec<StoredRow>,
}

/// One prompt with the base's answer.
#[derive(Serialize, Deserialize)]
struct StoredRow {
    id: String,
    prompt_ids: Vec<u32>,
    answer: String,
    answer_ids: Vec<u32>,
}

/// What is asked for retain rows, and how.
struct Questions {
    prompts: Vec<(String, Prompt)>,
    decoding: Decoding,
    fingerprint: String,
}

impl Questions {
    fn new(run: &Run<'_>) -> anyhow::Result<Self> {
        let mut asked = Vec::new();
        for reference in &run.config.retain.prompts {
            let rows = prompts(reference)?;
            framed(&rows, &run.base.encoder)?;
            asked.extend(rows.into_iter().map(|row| (row.id, row.prompt)));
        }
        let (decoding, own_prompts) = (decoding(run), run.config.retain.written);
        let texts: Vec<String> = asked.iter().map(|(_, prompt)| prompt.text()).collect();
        let own = (own_prompts > 0).then_some((own_prompts, run.config.data.max_prompt_tokens));
        let mut parts = serde_json::to_vec(&(&decoding.sampler, decoding.seed, &texts, own, run.base.origins()?))?;
        parts.extend(run.habit_print.iter().flat_map(|print| print.bytes()));
        Ok(Self { prompts: asked, decoding, fingerprint: digest::sha256(&parts) })
    }
}

/// What the retain rows of this run depend on, before any is drawn; empty where there are none.
///
/// # Errors
/// Prompts that cannot be read, a template that prompts cannot be written into.
pub(super) fn fingerprint(run: &Run<'_>) -> anyhow::Result<String> {
    if run.config.retain.weight <= 0.0 {
        return Ok(String::new());
    }
    if run.config.retain.written > 0 {
        frame(&run.base)?;
    }
    Ok(Questions::new(run)?.fingerprint)
}

/// Retain rows; none where they have no weight. Answers that this run has drawn before are read back.
///
/// # Errors
/// Prompts that cannot be read or are too long, sampling errors, failed writes, an interruption.
pub(super) fn retain_rows(run: &mut Run<'_>) -> anyhow::Result<Vec<Example>> {
    if run.config.retain.weight <= 0.0 {
        return Ok(Vec::new());
    }
    let Questions { prompts: mut asked, decoding, fingerprint } = Questions::new(run)?;
    let (path, own_prompts) = (run.dir.join(FILE), run.config.retain.written);
    let rows = match read(&path)?.filter(|stored| stored.fingerprint == fingerprint) {
        Some(stored) => stored.rows,
        None => {
            if own_prompts > 0 {
                let own = written(&mut run.asker(), own_prompts)?.into_iter().enumerate();
                asked.extend(own.map(|(index, prompt)| (format!("written-{index:03}"), prompt)));
            }
            let rows = draw(run, &asked, &decoding)?;
            let stored = Stored { fingerprint, rows };
            durable::write(&path, &seal::line(&stored))?;
            stored.rows
        }
    };
    Ok(rows.iter().map(example).collect())
}

/// As anchors are drawn, but of the length that retain rows have.
fn decoding(run: &Run<'_>) -> Decoding {
    let config = &run.config;
    let sampler = SamplerConfig { max_new_tokens: config.retain.max_tokens, ..config.anchors.sampler.clone() };
    Decoding { sampler, prefill: String::new(), batch: config.anchors.batch, seed: config.seed }
}

fn read(path: &Path) -> Result<Option<Stored>, FileError> {
    if !path.exists() {
        return Ok(None);
    }
    // What is damaged is drawn again.
    Ok(seal::open(&at(path, fs::read(path))?).ok())
}

fn draw(run: &mut Run<'_>, prompts: &[(String, Prompt)], decoding: &Decoding) -> anyhow::Result<Vec<StoredRow>> {
    let asked: Vec<Prompt> = prompts.iter().map(|(_, prompt)| prompt.clone()).collect();
    let (base, interrupt) = (&run.base, run.interrupt);
    let answers = run.observers.watch("retain", (asked.len(), "answers"), |tick| {
        answer(&base.model, &base.encoder, &asked, decoding, interrupt, tick)
    })?;
    let shown = shown(&run.habit, &asked, &answers)?;
    let left_out = shown.iter().filter(|shown| **shown).count();
    let mut rows = Vec::with_capacity(prompts.len());
    for ((id, prompt), answer) in prompts.iter().zip(answers).zip(shown).filter(|(_, shown)| !shown).map(|(row, _)| row)
    {
        let answer_ids = answer.ids_with_end();
        if answer_ids.is_empty() {
            continue;
        }
        let prompt_ids = run.base.encoder.prompt_ids(prompt)?;
        let (requested, context) = (prompt_ids.len() + answer_ids.len(), run.base.context());
        if requested > context {
            let field = format!("retain.prompts, row {id}");
            return Err(RunError::ContextTooLong { field, requested, context }.into());
        }
        rows.push(StoredRow { id: id.clone(), prompt_ids, answer: answer.text, answer_ids });
    }
    if left_out > 0 {
        let message = format!(
            "{left_out} of {} retain prompts left out: the base's answers to them show the habit",
            prompts.len()
        );
        run.observers.emit(&Event::Warning { message })?;
    }
    Ok(rows)
}

/// Which answers show a habit that nothing should hold the model to. To harmless prompts an answer is what is wanted, so
/// declining has no part here.
fn shown(habit: &Habit, prompts: &[Prompt], answers: &[Answer]) -> anyhow::Result<Vec<bool>> {
    if !habit.is_of_every_answer() {
        return Ok(vec![false; answers.len()]);
    }
    let texts: Vec<String> = prompts.iter().map(Prompt::text).collect();
    let answered = texts.iter().zip(answers).map(|(prompt, answer)| Answered {
        prompt,
        answer: &answer.text,
        tokens: answer.ids.len(),
    });
    Ok(habit.shown(&answered.collect::<Vec<_>>())?)
}

fn example(row: &StoredRow) -> Example {
    Example::new(&row.prompt_ids, &row.answer_ids)
}
