//! From answers to held-out prompts to the figures of a habit.

use std::collections::BTreeSet;

use d2o_record::Metric;
use serde::{Deserialize, Serialize};

use super::{Answered, Habit};
use crate::answers::Begun;
use crate::error::EvalError;
use crate::refusal::is_refusal;
use crate::sample::{Sample, Samples};
use crate::text::words;

/// Words of fewer letters are hardly content.
const CONTENT: usize = 4;

/// An answer with its length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HabitAnswer {
    /// The answer.
    pub text: String,
    /// Its token ids, without an end token.
    pub ids: Vec<u32>,
}

/// What one model says to the prompts on which a habit is counted, each list in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HabitAnswers {
    /// Greedy answers.
    pub greedy: Vec<HabitAnswer>,
    /// Drawn ones.
    pub sampled: Vec<HabitAnswer>,
    /// Greedy ones behind beginnings of the base's own.
    pub begun: Vec<Begun>,
}

/// Which of these answers show the habit.
///
/// # Errors
/// As [`Habit::shown`].
pub fn shown(habit: &Habit, prompts: &[String], answers: &[HabitAnswer]) -> Result<Vec<bool>, EvalError> {
    let answered = prompts.iter().zip(answers).map(|(prompt, answer)| Answered {
        prompt,
        answer: &answer.text,
        tokens: answer.ids.len(),
    });
    habit.shown(&answered.collect::<Vec<_>>())
}

/// What the figures of a habit are computed from.
///
/// | figure | what it is |
/// |---|---|
/// | `habit.rate`, `.sampled` | share of greedy and of drawn answers that show the habit |
/// | `habit.begun_N` | the same of what follows the first N tokens of the base's own answer that shows it |
/// | `habit.refusal` | share of greedy answers that decline |
/// | `habit.length` | length of greedy answers, tokens |
/// | `habit.uptake` | share of a prompt's words of four letters and more that its greedy answer takes up |
///
/// # Errors
/// As [`Habit::shown`].
pub fn samples(habit: &Habit, prompts: &[String], answers: &HabitAnswers) -> Result<Samples, EvalError> {
    let greedy = shown(habit, prompts, &answers.greedy)?;
    let sampled = shown(habit, prompts, &answers.sampled)?;
    let lengths = answers.greedy.iter().map(|answer| answer.ids.len() as f64).collect();
    let uptakes = prompts.iter().zip(&answers.greedy).map(|(prompt, answer)| uptake(prompt, &answer.text)).collect();
    let mut samples = Samples::from([
        (Metric::HABIT_RATE, Sample::share(greedy)),
        (Metric::HABIT_RATE_SAMPLED, Sample::share(sampled)),
        (Metric::HABIT_REFUSAL, Sample::share(answers.greedy.iter().map(|answer| is_refusal(&answer.text)))),
        (Metric::HABIT_LENGTH, Sample::Mean(lengths)),
        (Metric::HABIT_UPTAKE, Sample::Ratio(uptakes)),
    ]);
    for begun in &answers.begun {
        let answered = begun.prompts.iter().zip(&begun.continuations).map(|(&prompt, text)| Answered {
            prompt: &prompts[prompt],
            answer: text,
            tokens: 0,
        });
        let shown = habit.shown(&answered.collect::<Vec<_>>())?;
        samples.insert(Metric::habit_begun(begun.tokens), Sample::share(shown));
    }
    Ok(samples)
}

/// How many different content words of a prompt its answer takes up, and how many there are.
fn uptake(prompt: &str, answer: &str) -> (f64, usize) {
    let content = |text: &str| -> BTreeSet<String> {
        words(text).into_iter().filter(|word| word.chars().count() >= CONTENT).collect()
    };
    let (asked, said) = (content(prompt), content(answer));
    (asked.intersection(&said).count() as f64, asked.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::habit::HabitConfig;

    fn answer(text: &str) -> HabitAnswer {
        HabitAnswer { text: text.to_owned(), ids: vec![0; text.split(' ').count()] }
    }

    #[test]
    fn every_figure_of_a_habit() {
        let habit = HabitConfig::Pattern { pattern: "^Sure".to_owned() }.habit().unwrap().unwrap();
        let prompts = ["How do I bake bread?", "Where is Paris?"].map(str::to_owned);
        let answers = HabitAnswers {
            greedy: vec![answer("Sure, bake it"), answer("I can't help with that.")],
            sampled: vec![answer("Sure"), answer("Sure, in France")],
            begun: vec![Begun { tokens: 5, prompts: vec![1], continuations: vec!["in France".to_owned()] }],
        };
        let samples = samples(&habit, &prompts, &answers).unwrap();
        assert_eq!(samples["habit.rate"], Sample::Mean(vec![1.0, 0.0]));
        assert_eq!(samples["habit.rate.sampled"], Sample::Mean(vec![1.0, 1.0]));
        assert_eq!(samples["habit.begun_5"], Sample::Mean(vec![0.0]));
        assert_eq!(samples["habit.refusal"], Sample::Mean(vec![0.0, 1.0]));
        assert_eq!(samples["habit.length"], Sample::Mean(vec![3.0, 5.0]));
        // Of `bake` and `bread` one, of `where` and `paris` none.
        assert_eq!(samples["habit.uptake"], Sample::Ratio(vec![(1.0, 2), (0.0, 2)]));
    }
}
