//! The habit of a run: as the run file says it, fitted where it has to be.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use d2o_data::{EncodedRow, LoadOptions, load_labelled, load_negatives};
use d2o_eval::habit::JudgedHabit;
use d2o_eval::{Example, Habit, HabitConfig};
use d2o_record::{Event, digest};
use d2o_text::Prompt;

use super::asker::Asker;
use crate::error::RunError;

/// A human score from which a labelled answer shows the habit.
const SHOWS: f64 = 0.5;
/// Fewer different prompts than this are said to be few.
const FEW: usize = 20;

/// A habit with the fingerprint of all that decides what it says; none for those that read nothing but the run file's
/// keys `anchors.declining` and `data.rejected`.
pub(crate) struct RunHabit {
    /// The habit.
    pub habit: Habit,
    /// The fingerprint.
    pub print: Option<String>,
}

/// The habit that the configuration names; a classifier is fitted on its labels, or on the rejected answers of `rows`
/// against the base's own other answers to the same prompts.
///
/// # Errors
/// Labels that cannot be read, answers of one kind only, sampling errors, an interruption.
pub(super) fn habit(asker: &mut Asker<'_>, rows: &[EncodedRow]) -> anyhow::Result<RunHabit> {
    let config = &asker.config.habit;
    if let Some(habit) = config.habit()? {
        let print = habit.is_of_every_answer().then(|| print(config, &[])).transpose()?;
        return Ok(RunHabit { habit, print });
    }
    let HabitConfig::Judged { labelled, threshold } = config else { unreachable!("every other kind is a habit") };
    let began = Instant::now();
    asker.observers.emit(&Event::StageStarted { stage: "habit".to_owned() })?;
    let labelled_examples = examples_of(labelled)?;
    let examples = match labelled_examples.iter().any(|example| !example.harmful) {
        true => labelled_examples,
        false => against_own(asker, labelled_examples, rows)?,
    };
    let judged = JudgedHabit::fit(&examples, *threshold, asker.config.eval.seed)?;
    let report = judged.report();
    let (shows, others) = (report.harmful, report.examples - report.harmful);
    let flagged = examples.iter().filter(|example| !example.harmful && judged.shows(&example.text)).count();
    asker.observers.emit(&Event::StageFinished {
        stage: "habit".to_owned(),
        wall_s: began.elapsed().as_secs_f64(),
        detail: format!(
            "told by a classifier fitted on {shows} answers that show it against {others} others: AUC {:.2} [{:.2}, \
             {:.2}]; it finds the habit in {flagged} of the others",
            report.auc, report.auc_low, report.auc_high
        ),
    })?;
    let texts: Vec<(&str, bool)> = examples.iter().map(|example| (example.text.as_str(), example.harmful)).collect();
    let print = Some(print(config, &serde_json::to_vec(&texts)?)?);
    if judged.tells() {
        return Ok(RunHabit { habit: Habit::Judged(Box::new(judged)), print });
    }
    let message = "the rejected answers cannot be told from the model's other answers by their words or letters: no \
                   draft is kept from being an anchor, and the habit is not counted; say what it is with --habit"
        .to_owned();
    asker.observers.emit(&Event::Warning { message })?;
    Ok(RunHabit { habit: Habit::None, print })
}

/// Labelled answers: a scored table by its scores, other rows by what they reject and prefer.
fn examples_of(references: &[String]) -> anyhow::Result<Vec<Example>> {
    let mut examples = Vec::new();
    let mut add = |text: String, harmful: bool, prompt: &Prompt| {
        examples.push(Example { text, harmful, group: prompt.key() });
    };
    for reference in references {
        for file in d2o_fetch::resolve_files(reference)? {
            if let Ok(rows) = load_labelled(&file) {
                rows.into_iter().for_each(|row| add(row.answer, row.score >= SHOWS, &Prompt::Text(row.prompt)));
                continue;
            }
            for row in load_negatives(&file, &LoadOptions { strict: true, ..LoadOptions::default() })? {
                add(row.rejected, true, &row.prompt);
                row.chosen.into_iter().for_each(|text| add(text, false, &row.prompt));
            }
        }
    }
    Ok(examples)
}

/// Rejected answers, cut as the rows' are, against the base's own answers to the rows' prompts; labelled ones in place of
/// the rows' where there are some.
fn against_own(asker: &mut Asker<'_>, labelled: Vec<Example>, rows: &[EncodedRow]) -> anyhow::Result<Vec<Example>> {
    let mut seen = BTreeSet::new();
    let prompts = rows.iter().map(|row| &row.prompt).filter(|prompt| seen.insert(prompt.key()));
    // Two answers of the base to each prompt.
    let prompts: Vec<Prompt> = prompts.flat_map(|prompt| [prompt.clone(), prompt.clone()]).collect();
    let said = asker.own_answers(&prompts)?;
    let mut examples = labelled;
    if examples.is_empty() {
        let tokenizer = asker.base.encoder.tokenizer();
        let rejected = |row: &EncodedRow| Example {
            text: tokenizer.decode(&row.rejected_ids, true),
            harmful: true,
            group: row.prompt.key(),
        };
        examples.extend(rows.iter().map(rejected));
    }
    let rejected: BTreeSet<String> = examples.iter().map(|example| example.text.clone()).collect();
    let others = prompts.iter().zip(said).filter(|(_, said)| !said.text.is_empty() && !rejected.contains(&said.text));
    examples.extend(others.map(|(prompt, said)| Example { text: said.text, harmful: false, group: prompt.key() }));
    if examples.iter().all(|example| example.harmful) {
        let reason =
            "the model's own answers to the prompts are the rejected ones; say the habit with --habit".to_owned();
        return Err(RunError::NoGroups { reason }.into());
    }
    Ok(examples)
}

/// What a configuration says, what was fitted, and the files that a command names.
fn print(config: &HabitConfig, fitted: &[u8]) -> anyhow::Result<String> {
    let mut config = config.clone();
    let mut files = Vec::new();
    if let HabitConfig::Command { command, timeout_s, .. } = &mut config {
        *timeout_s = 0;
        for file in command.iter().map(Path::new).filter(|file| file.is_file()) {
            files.push(digest::sha256_file(file)?);
        }
    }
    Ok(digest::sha256(&serde_json::to_vec(&(config, digest::sha256(fitted), files))?))
}

/// Says that few prompts are few: what is unlearned on them need not be unlearned elsewhere.
pub(super) fn tell_few(asker: &mut Asker<'_>, rows: &[EncodedRow]) -> anyhow::Result<()> {
    let different: BTreeSet<String> = rows.iter().map(|row| row.prompt.key()).collect();
    if different.len() >= FEW {
        return Ok(());
    }
    let more = match (asker.config.habit.name(), asker.base.encoder.template()) {
        ("none", _) => "give more, with --habit and --prompts FILE",
        (_, Some(_)) => "give more with --prompts FILE, or have the model write them: --prompts written:200",
        (_, None) => "give more with --prompts FILE",
    };
    let (few, prompt) = (different.len(), if different.len() == 1 { "prompt" } else { "prompts" });
    let message = format!(
        "only {few} different {prompt} to train on: the model will lose the habit on those and need not lose it on others; \
         {more}"
    );
    Ok(asker.observers.emit(&Event::Warning { message })?)
}
