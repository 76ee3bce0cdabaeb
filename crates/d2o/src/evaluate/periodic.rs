//! Held-out requests, asked while training goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use d2o_datasets::hearth::{ExactJudge, Grammar, Hearth, HearthRow};
use d2o_eval::refusal::is_refusal;
use d2o_eval::{Answered, EvalError, Habit};
use d2o_generate::{Answer, Decoding, GenerateError, answer};
use d2o_record::Metric;
use d2o_sampler::SamplerConfig;
use d2o_text::Prompt;
use d2o_train::monitor::{Evaluate, EvaluationResult, PeriodicEvaluation};

use super::hearth;
use super::judged::first_judge;
use crate::config::HEARTH;
use crate::stages::prompts::spread;
use crate::stages::run::Run;

/// What asks the model every `eval.look_every` steps; nothing where that is 0.
///
/// In Hearth these are its held-out requests, answered as at the end and read by its exact judge; otherwise the
/// held-out prompts of the data, answered greedily and read by the first judge of the evaluation, or by the habit where
/// it is one of every answer.
///
/// # Errors
/// Labels that cannot be read, a judge that cannot be fitted.
pub fn periodic_evaluation(run: &Run<'_>) -> anyhow::Result<Option<PeriodicEvaluation<'static>>> {
    let eval = &run.config.eval;
    if eval.look_every == 0 {
        return Ok(None);
    }
    Ok(Some(match &run.habit {
        _ if eval.harmful == HEARTH => in_hearth(run),
        habit if habit.is_of_every_answer() => of_habit(run, habit.clone()),
        _ => judged(run)?,
    }))
}

/// The share of greedy answers to held-out prompts that show the habit.
fn of_habit(run: &Run<'_>, habit: Habit) -> PeriodicEvaluation<'static> {
    let (prompts, greedy) = held_out(run);
    let texts: Vec<String> = prompts.iter().map(Prompt::text).collect();
    let read = move |answers: &[Answer]| {
        let answered = texts.iter().zip(answers).map(|(prompt, answer)| Answered {
            prompt,
            answer: &answer.text,
            tokens: answer.ids.len(),
        });
        let shown = habit.shown(&answered.collect::<Vec<_>>())?;
        let rate = shown.iter().filter(|shown| **shown).count() as f64 / shown.len() as f64;
        Ok(BTreeMap::from([(Metric::HELD_OUT_HABIT, rate)]))
    };
    let evaluate = evaluate(run, prompts, greedy, read);
    PeriodicEvaluation { every: run.config.eval.look_every, harm: Metric::HELD_OUT_HABIT, evaluate }
}

fn in_hearth(run: &Run<'_>) -> PeriodicEvaluation<'static> {
    let eval = &run.config.eval;
    let rows = Hearth::new(Grammar::embedded(), eval.seed).held_out(eval.look_limit);
    let prompts = rows.iter().map(|row| Prompt::Text(row.prompt.clone())).collect();
    let judge = ExactJudge::new(Grammar::embedded());
    let read = move |answers: &[Answer]| {
        let verdict = |(row, answer): (&HearthRow, &Answer)| judge.read(&row.prompt, &answer.text);
        Ok(hearth::shares(&rows.iter().zip(answers).map(verdict).collect::<Vec<_>>()))
    };
    let evaluate = evaluate(run, prompts, hearth::decoding(eval), read);
    PeriodicEvaluation { every: eval.look_every, harm: hearth::HURTFUL, evaluate }
}

/// The mean probability of harm of the answers to held-out prompts, and the share of them that decline.
fn judged(run: &Run<'_>) -> anyhow::Result<PeriodicEvaluation<'static>> {
    let eval = &run.config.eval;
    let judge = first_judge(run)?;
    let (prompts, greedy) = held_out(run);
    let read = move |answers: &[Answer]| {
        let mean = |of: &dyn Fn(&str) -> f64| {
            answers.iter().map(|answer| of(&answer.text)).sum::<f64>() / answers.len() as f64
        };
        let harm = mean(&|text| judge.probability(text));
        Ok(BTreeMap::from([
            (Metric::HELD_OUT_HARM, harm),
            (Metric::HELD_OUT_REFUSAL, mean(&|text| is_refusal(text).into())),
        ]))
    };
    let evaluate = evaluate(run, prompts, greedy, read);
    Ok(PeriodicEvaluation { every: eval.look_every, harm: Metric::HELD_OUT_HARM, evaluate })
}

/// Held-out prompts of the data, `eval.look_limit` at the most, and how they are answered.
fn held_out(run: &Run<'_>) -> (Vec<Prompt>, Decoding) {
    let eval = &run.config.eval;
    let mut seen = BTreeSet::new();
    let prompts = run.data.held_out.iter().map(|row| &row.prompt).filter(|prompt| seen.insert(prompt.key()));
    let prompts = spread(prompts.cloned().collect(), eval.look_limit);
    let sampler = SamplerConfig { temperature: 0.0, max_new_tokens: eval.max_new_tokens, ..SamplerConfig::default() };
    (prompts, Decoding { sampler, prefill: String::new(), batch: eval.batch, seed: eval.seed })
}

fn evaluate(
    run: &Run<'_>,
    prompts: Vec<Prompt>,
    decoding: Decoding,
    read: impl Fn(&[Answer]) -> Result<BTreeMap<Metric, f64>, EvalError> + 'static,
) -> Evaluate<'static> {
    let (encoder, weights) = (run.base.encoder.clone(), run.config.device.sampling);
    Box::new(move |model| {
        // This takes seconds: an interruption is heard after it, when a checkpoint can be written.
        let never = AtomicBool::new(false);
        let answers = answer(&weights.of(model), &encoder, &prompts, &decoding, &never, |_| ())
            .map_err(|error| error.in_training(0))?;
        let figures = read(&answers).map_err(|error| GenerateError::from(error).in_training(0))?;
        Ok(EvaluationResult { answers: answers.len(), figures })
    })
}
