//! What was asked, however a row spells it.

use d2o_text::{Message, Prompt};
use serde_json::Value;

use super::hh;
use super::turns::{message, turns};
use crate::error::DataError;
use crate::row::{Row, filled, kind};

/// Fields with a conversation, the first that is there counts.
pub(super) const CONVERSATIONS: [&str; 3] = ["messages", "conversations", "conversation"];
/// Fields with one request; `instruction` may have an `input` beside it.
const REQUESTS: [&str; 6] = ["prompt", "instruction", "question", "query", "input", "user"];
const SYSTEMS: [&str; 2] = ["system", "system_prompt"];
const HISTORY: &str = "history";

/// The field with a conversation; an empty one only where the row says in no other way what was asked.
pub(super) fn conversation_field(row: &Row) -> Option<&'static str> {
    let filled = CONVERSATIONS.into_iter().find(|field| row.is_filled(field));
    let there = || CONVERSATIONS.into_iter().find(|field| row.has(field));
    filled.or_else(|| if request_field(row).is_some() { None } else { there() })
}

fn request_field(row: &Row) -> Option<&'static str> {
    REQUESTS.into_iter().find(|field| row.is_filled(field))
}

/// Whether a row says what was asked.
pub(super) fn is_asked(row: &Row) -> bool {
    CONVERSATIONS.iter().chain(&REQUESTS).any(|field| row.has(field))
}

/// What was asked: a conversation, with a last turn of the assistant if it has one, or one request; behind `system` and
/// `history`.
///
/// # Errors
/// No such field, or one that holds something else.
pub(crate) fn question(row: &Row) -> Result<Prompt, DataError> {
    let asked = match conversation_field(row) {
        Some(field) => Prompt::Messages(conversation(row, field)?),
        None => request(row)?,
    };
    let before = before(row)?;
    if before.is_empty() {
        return Ok(asked);
    }
    let turns = asked.messages();
    let system = turns.first().is_some_and(|first| first.role == "system");
    // A conversation that brings its own system message keeps that one.
    let before = before.into_iter().filter(|turn| !(system && turn.role == "system"));
    Ok(Prompt::Messages(before.chain(turns).collect()))
}

/// The system message of a row in a field of its own.
pub(super) fn system(row: &Row) -> Result<Option<Message>, DataError> {
    let Some(field) = SYSTEMS.iter().find(|field| row.is_filled(field)) else { return Ok(None) };
    Ok(Some(Message::new("system", row.text(field)?)))
}

pub(super) fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The turns of a field with a conversation.
pub(super) fn conversation(row: &Row, field: &str) -> Result<Vec<Message>, DataError> {
    turns(row, field, row.value(field).unwrap_or(&Value::Null))
}

/// System message and earlier turns.
fn before(row: &Row) -> Result<Vec<Message>, DataError> {
    let mut before = Vec::from_iter(system(row)?);
    match row.value(HISTORY) {
        None | Some(Value::Null) => {}
        Some(Value::Array(rounds)) if rounds.iter().all(Value::is_object) => {
            if !rounds.is_empty() {
                before.extend(conversation(row, HISTORY)?);
            }
        }
        Some(Value::Array(rounds)) => {
            for (index, round) in rounds.iter().enumerate() {
                before.extend(exchange(row, &format!("{HISTORY}[{index}]"), round)?);
            }
        }
        Some(blank) if is_blank(blank) => {}
        Some(other) => return Err(row.wrong(HISTORY, &format!("is {}", kind(other)), "a list of [request, answer]")),
    }
    Ok(before)
}

/// An earlier request and its answer.
fn exchange(row: &Row, at: &str, round: &Value) -> Result<[Message; 2], DataError> {
    let Some([asked, answered]) = round.as_array().map(Vec::as_slice) else {
        return Err(row.wrong(at, &format!("is {}", kind(round)), "[request, answer]"));
    };
    let text = |index: usize, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(row.wrong(&format!("{at}[{index}]"), &format!("is {}", kind(other)), "a text")),
    };
    Ok([Message::new("user", text(0, asked)?), Message::new("assistant", text(1, answered)?)])
}

/// One request, or the turns that its field holds.
fn request(row: &Row) -> Result<Prompt, DataError> {
    let there = || REQUESTS.into_iter().find(|field| row.has(field));
    let field = request_field(row).or_else(there).unwrap_or("prompt");
    match row.value(field) {
        Some(list @ Value::Array(_)) => Ok(Prompt::Messages(turns(row, field, list)?)),
        Some(turn @ Value::Object(fields)) if fields.contains_key("role") || fields.contains_key("from") => {
            let several = fields.values().any(Value::is_array);
            Ok(Prompt::Messages(if several { turns(row, field, turn)? } else { vec![message(row, field, turn)?] }))
        }
        _ => {
            let text = row.text(field)?;
            let input = (field == "instruction").then(|| filled(row.value("input")).ok()).flatten();
            if let Some(input) = input {
                return Ok(Prompt::Text(format!("{text}\n{input}")));
            }
            // A transcript that stops where the assistant is to answer.
            Ok(hh::open_transcript(text).map_or_else(|| Prompt::Text(text.to_owned()), Prompt::Messages))
        }
    }
}
