//! The evaluation: the same questions to the model before and after, and on the way.

mod begun;
mod habit;
mod hearth;
mod judged;
mod measure;
pub mod periodic;

use std::time::Instant;

use d2o_model::CausalLm;
use d2o_record::{AnswerPair, Evaluation, Event, digest, save_answers, stage};

use self::judged::JudgedEvaluation;
use crate::config::HEARTH;
use crate::stages::run::Run;

/// What the stage leaves in a run directory.
const FIGURES: &str = "eval.json";
const ANSWERS: &str = "answers.jsonl";

/// Whether all that the evaluation `at_the_end`, or else only the one on the way, needs can be read, before anything
/// else is done.
///
/// # Errors
/// Sets or labels that cannot be found, fetched or read.
pub fn check(run: &Run<'_>, at_the_end: bool) -> anyhow::Result<()> {
    match at_the_end {
        _ if run.config.eval.harmful == HEARTH => Ok(()),
        true => judged::check(run),
        false if run.habit.is_of_every_answer() => Ok(()),
        false => judged::check_first_judge(run),
    }
}

/// The `eval` stage: measures `after`, whose weights have the fingerprint `after_print`, and, unless it is known
/// already, the base; writes `eval.json` and `answers.jsonl`. Figures that are fresh are read back.
///
/// # Errors
/// Sets or labels that cannot be read, judges that cannot be fitted, failed writes, an interruption.
pub fn evaluate(run: &mut Run<'_>, after: &CausalLm, after_print: &str) -> anyhow::Result<Evaluation> {
    let path = run.dir.join(FIGURES);
    let judged = match run.config.eval.harmful.as_str() {
        HEARTH => None,
        _ => Some(JudgedEvaluation::new(run)?),
    };
    let section = run.config.eval.at_the_end();
    let inputs = match &judged {
        Some(judged) => {
            let (sets, held_out, habit) = judged.inputs(run);
            serde_json::to_vec(&(after_print, section, sets, held_out, habit))?
        }
        None => serde_json::to_vec(&(after_print, section))?,
    };
    let fingerprint = digest::sha256(&inputs);
    if run.ledger.is_fresh(stage::EVAL, &fingerprint) {
        let Some(damaged) = run.ledger.damaged(&[FIGURES, ANSWERS])? else {
            let reason = format!("{} is fresh", path.display());
            run.observers.emit(&Event::StageSkipped { stage: stage::EVAL.to_owned(), reason })?;
            return Ok(Evaluation::load(&path)?);
        };
        let message = format!("{} is not as it was written: measured again", damaged.display());
        run.observers.emit(&Event::Warning { message })?;
    }
    let began = Instant::now();
    run.observers.emit(&Event::StageStarted { stage: stage::EVAL.to_owned() })?;
    let (evaluation, pairs): (Evaluation, Vec<AnswerPair>) = match &judged {
        Some(judged) => judged.run(run, after)?,
        None => hearth::evaluate(run, after)?,
    };
    save_answers(&run.dir.join(ANSWERS), &pairs)?;
    evaluation.save(&path)?;
    run.ledger.finish(stage::EVAL, &fingerprint, &[FIGURES, ANSWERS])?;
    run.observers.emit(&Event::StageFinished {
        stage: stage::EVAL.to_owned(),
        wall_s: began.elapsed().as_secs_f64(),
        detail: path.display().to_string(),
    })?;
    Ok(evaluation)
}
