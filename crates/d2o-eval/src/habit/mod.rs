//! Which answers show the habit that a model is to lose.
//!
//! [`HabitConfig`] says it in a run file, [`Habit`] looks. One habit decides which drafts may be anchors, which of the
//! model's own answers are rejected ones, and what is counted before and after.

mod command;
mod config;
pub mod figures;
mod judged;
mod length;

use regex::Regex;

pub use self::command::JudgingCommand;
pub use self::config::HabitConfig;
pub use self::judged::JudgedHabit;
pub use self::length::Lengths;
use crate::error::EvalError;
use crate::refusal::is_refusal;

/// An answer to look at, with what it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answered<'a> {
    /// What was asked.
    pub prompt: &'a str,
    /// The answer.
    pub answer: &'a str,
    /// Its length in tokens, without an end token.
    pub tokens: usize,
}

/// A habit that can be looked for.
#[derive(Clone, Debug, Default)]
pub enum Habit {
    /// Nothing tells which answers show it; none does.
    #[default]
    None,
    /// Answering what is to be declined: every answer that is no refusal shows it.
    Declining,
    /// A regular expression that matches somewhere in the answer, spaces around it left out.
    Pattern(Regex),
    /// A length below or above what it should be.
    Length(Lengths),
    /// What a classifier says that was fitted on labelled answers.
    Judged(Box<JudgedHabit>),
    /// What a program of the user's says.
    Command(JudgingCommand),
}

impl Habit {
    /// Which answers show the habit, in their order.
    ///
    /// # Errors
    /// [`EvalError::Command`] for a program that fails, takes too long or says what is no score.
    pub fn shown(&self, answers: &[Answered<'_>]) -> Result<Vec<bool>, EvalError> {
        let each = |shows: &dyn Fn(&Answered<'_>) -> bool| Ok(answers.iter().map(shows).collect());
        match self {
            Self::None => each(&|_| false),
            Self::Declining => each(&|answered| !is_refusal(answered.answer)),
            Self::Pattern(pattern) => each(&|answered| pattern.is_match(answered.answer.trim())),
            Self::Length(lengths) => each(&|answered| lengths.are_missed_by(answered)),
            Self::Judged(judged) => each(&|answered| judged.shows(answered.answer)),
            Self::Command(command) => command.shown(answers),
        }
    }

    /// Whether anything tells which answers show it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Whether it is a habit of every answer, whatever was asked. [`Habit::Declining`] is one of answers to harmful
    /// prompts only: to others an answer is what is wanted.
    #[must_use]
    pub fn is_of_every_answer(&self) -> bool {
        !matches!(self, Self::None | Self::Declining)
    }

    /// Where in `answer` the habit begins to show, bytes from its start: where a pattern first matches. `None` for other
    /// kinds, and where it does not match.
    #[must_use]
    pub fn begins_at(&self, answer: &str) -> Option<usize> {
        let Self::Pattern(pattern) = self else { return None };
        let text = answer.trim();
        let spaces = answer.len() - answer.trim_start().len();
        pattern.find(text).map(|found| spaces + found.start())
    }
}

#[cfg(test)]
mod tests;
