//! One answer and a field that says whether it was wanted: KTO's rows, and logs with a rating.

use super::answer::Answer;
use super::answer::{answered, answers, last_answer};
use super::contradiction::refuse_choices;
use super::format::LoadOptions;
use super::parsed::ParsedRow;
use super::question::conversation_field;
use super::verdict::{Verdict, verdict};
use crate::error::DataError;
use crate::row::Row;

/// Fields with the answer, the first that is there counts; without one it is the last turn of the conversation.
const ANSWERS: [&str; 6] = ["completion", "response", "output", "answer", "assistant", "reply"];

/// The field with the answer.
pub(super) fn answer_field(row: &Row) -> Option<&'static str> {
    let filled = ANSWERS.into_iter().find(|field| row.is_filled(field));
    filled.or_else(|| ANSWERS.into_iter().find(|field| row.names(field)))
}

/// The answer, if it was rejected.
pub(super) fn parsed(row: &Row, options: &LoadOptions) -> Result<ParsedRow, DataError> {
    refuse_choices(row, &[])?;
    let judged = verdict(row, options)?;
    let rating = judged.and_then(|judged| judged.rating);
    let nothing = ParsedRow { rating, ..ParsedRow::default() };
    if judged.is_none_or(|judged| judged.verdict != Verdict::Rejected) {
        return Ok(nothing);
    }
    let (field, answer) = match (answer_field(row), conversation_field(row)) {
        (Some(field), _) => (field, answers(row, field)?.swap_remove(0)),
        (None, Some(field)) => {
            let expected = "a last message of the assistant with a text";
            let answer = last_answer(row)?.ok_or_else(|| row.wrong(field, "does not end with an answer", expected))?;
            (field, Answer::Text(answer))
        }
        (None, None) => return Err(row.wrong("completion", "is missing", "a text")),
    };
    let (prompt, rejected) = answered(row, field, answer)?;
    Ok(ParsedRow { negatives: vec![row.sample(prompt, &rejected, None)?], ..nothing })
}
