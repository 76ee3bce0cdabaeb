//! The habit on held-out prompts: counted before and after, in greedy, drawn and begun answers.

use std::collections::BTreeSet;

use d2o_data::PromptRow;
use d2o_eval::habit::figures::{self, HabitAnswer, HabitAnswers};
use d2o_eval::sample::Samples;
use d2o_eval::{AnswerPair, Habit};
use d2o_generate::Answer;
use d2o_model::CausalLm;
use d2o_record::digest;
use d2o_text::Prompt;

use super::begun::{Beginnings, begun};
use super::measure::{Ask, EvaluationSettings};
use crate::stages::cache::cached_or_compute;
use crate::stages::prompts::{framed, prompts, spread};
use crate::stages::run::Run;

/// The set's name among the answers; prompts that are to be declined are not shown openly.
fn set_name(habit: &Habit) -> String {
    if habit.is_of_every_answer() { "habit" } else { "held_out" }.to_owned()
}

/// A habit that is about to be counted.
pub(super) struct HabitEvaluation {
    rows: Vec<PromptRow>,
}

impl HabitEvaluation {
    /// Its prompts: those of `eval.habit`, else the data's held-out ones; none where there is no habit or no prompt.
    ///
    /// # Errors
    /// Prompts that cannot be read or asked.
    pub(super) fn new(run: &Run<'_>) -> anyhow::Result<Option<Self>> {
        if !run.habit.is_known() {
            return Ok(None);
        }
        let eval = &run.config.eval;
        let rows = match eval.habit.as_str() {
            "" => held_out(run),
            reference => prompts(reference)?,
        };
        let rows = spread(rows, eval.habit_limit);
        framed(&rows, &run.base.encoder)?;
        Ok((!rows.is_empty()).then_some(Self { rows }))
    }

    /// What the figures depend on.
    pub(super) fn print(&self) -> String {
        digest::sha256(self.texts().join("\0").as_bytes())
    }

    fn texts(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.prompt.text()).collect()
    }

    /// Asks the base, unless its answers are known, and `after`; samples of both, and the greedy answers side by side.
    ///
    /// # Errors
    /// Sampling errors, an interruption, a program that does not judge.
    pub(super) fn run(
        &self,
        run: &mut Run<'_>,
        settings: &EvaluationSettings,
        after: &CausalLm,
    ) -> anyhow::Result<((Samples, Samples), Vec<AnswerPair>)> {
        let base = run.base.model.clone();
        let key = (
            (run.base.origins()?, settings, self.print(), run.config.device.backend.clone()),
            (run.config.habit.clone(), run.habit_print.clone()),
        );
        let before: HabitAnswers = cached_or_compute("habit-", &key, || self.ask(run, settings, &base, None))?;
        let measured = self.ask(run, settings, after, Some(&before))?;
        let (texts, habit) = (self.texts(), &run.habit);
        let samples = (figures::samples(habit, &texts, &before)?, figures::samples(habit, &texts, &measured)?);
        Ok((samples, self.pairs(habit, &before, &measured)?))
    }

    /// The answers of `model`; behind the beginnings of the base's, which are its own where it is the base.
    fn ask(
        &self,
        run: &mut Run<'_>,
        settings: &EvaluationSettings,
        model: &CausalLm,
        base: Option<&HabitAnswers>,
    ) -> anyhow::Result<HabitAnswers> {
        let prompts: Vec<Prompt> = self.rows.iter().map(|row| row.prompt.clone()).collect();
        let (encoder, interrupt, sampler) = (&run.base.encoder, run.interrupt, settings.weights.of(model));
        let ask = Ask { model: &sampler, encoder, interrupt };
        let stage = if base.is_some() { "habit after" } else { "habit before" };
        let units = (2 + settings.begun.len()) * prompts.len();
        let (habit, texts) = (&run.habit, self.texts());
        run.observers.watch(stage, (units, "answers"), |tick| {
            let greedy = ask.answers(&prompts, &settings.greedy(""), &mut *tick)?;
            let sampled = ask.answers(&prompts, &settings.sampled(), |now| tick(prompts.len() + now))?;
            let (greedy, sampled) = (said(greedy), said(sampled));
            let origin = base.map_or(&greedy, |base| &base.greedy);
            let bad = figures::shown(habit, &texts, origin)?;
            let beginnings = Beginnings { bad, ids: origin.iter().map(|answer| answer.ids.as_slice()).collect() };
            let begun = begun(&ask, &prompts, &beginnings, settings, |now| tick(2 * prompts.len() + now))?;
            anyhow::Ok(HabitAnswers { greedy, sampled, begun })
        })
    }

    fn pairs(&self, habit: &Habit, before: &HabitAnswers, after: &HabitAnswers) -> anyhow::Result<Vec<AnswerPair>> {
        let texts = self.texts();
        let shown_before = figures::shown(habit, &texts, &before.greedy)?;
        let shown_after = figures::shown(habit, &texts, &after.greedy)?;
        let pair = |index: usize| {
            let (old, new) = (&before.greedy[index].text, &after.greedy[index].text);
            AnswerPair {
                set: set_name(habit),
                id: self.rows[index].id.clone(),
                prompt: texts[index].clone(),
                refusal_before: d2o_eval::refusal::is_refusal(old),
                refusal_after: d2o_eval::refusal::is_refusal(new),
                before: old.clone(),
                after: new.clone(),
                habit_before: Some(shown_before[index]),
                habit_after: Some(shown_after[index]),
                ..AnswerPair::default()
            }
        };
        Ok((0..self.rows.len()).map(pair).collect())
    }
}

fn said(answers: Vec<Answer>) -> Vec<HabitAnswer> {
    answers.into_iter().map(|answer| HabitAnswer { text: answer.text, ids: answer.ids }).collect()
}

/// The held-out prompts of the data, each once.
fn held_out(run: &Run<'_>) -> Vec<PromptRow> {
    let mut seen = BTreeSet::new();
    let rows = run.data.held_out.iter().filter(|row| seen.insert(row.prompt.key()));
    let row = |row: &d2o_data::EncodedRow| PromptRow {
        id: row.id.clone(),
        prompt: row.prompt.clone(),
        response: None,
        place: d2o_data::Place { path: "held-out rows".into(), line: 1 },
    };
    rows.map(row).collect()
}
