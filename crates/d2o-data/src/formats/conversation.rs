//! A conversation whose last turn is the rejected answer, with nothing beside it that says otherwise.

use super::answer::{Answer, answered, last_answer};
use super::contradiction::refuse_choices;
use super::question::{conversation, conversation_field};
use crate::error::DataError;
use crate::row::Row;
use crate::sample::NegativeSample;

/// The last turn, which must be the assistant's.
pub(super) fn negatives(row: &Row) -> Result<Vec<NegativeSample>, DataError> {
    refuse_choices(row, &[])?;
    let field = conversation_field(row).unwrap_or("messages");
    let Some(answer) = last_answer(row)? else {
        let turns = conversation(row, field)?;
        return Err(match turns.last().is_some_and(|last| last.role == "assistant") {
            true => row.wrong(field, "ends with a message without text", "a last message of the assistant with a text"),
            false => row.wrong("rejected", "is missing", "a text, or a last message of the assistant"),
        });
    };
    let (prompt, rejected) = answered(row, field, Answer::Text(answer))?;
    Ok(vec![row.sample(prompt, &rejected, None)?])
}
