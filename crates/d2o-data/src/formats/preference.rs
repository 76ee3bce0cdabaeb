//! Rows `{prompt, rejected}` and `{messages, rejected}`, and the reading of `messages`.

use serde_json::Value;

use crate::error::DataError;
use crate::row::{Row, filled, kind};
use crate::sample::{Message, NegativeSample, Prompt};

const MESSAGES: &str = "messages";
const TURNS: &str = "a list of {\"role\", \"content\"}";
const ROLES: [&str; 3] = ["system", "user", "assistant"];

/// The rejected answer of a row.
pub(crate) fn negative(row: &Row) -> Result<NegativeSample, DataError> {
    let chosen = row.optional("chosen")?;
    if !row.has(MESSAGES) {
        return row.sample(Prompt::Text(row.text("prompt")?.to_owned()), row.text("rejected")?, chosen);
    }
    let mut turns = messages(row)?;
    let answered = turns.last().is_some_and(|last| last.role == "assistant");
    let rejected = match (row.has("rejected"), answered) {
        (true, false) => row.text("rejected")?.to_owned(),
        (false, true) => turns.pop().map(|turn| turn.content).unwrap_or_default(),
        (true, true) => {
            return Err(row.wrong(MESSAGES, "ends with an answer beside `rejected`", "a last turn of the user"));
        }
        (false, false) => {
            return Err(row.wrong("rejected", "is missing", "a text, or a last message of the assistant"));
        }
    };
    if turns.is_empty() {
        return Err(row.wrong(MESSAGES, "holds no prompt", "at least one message before the answer"));
    }
    row.sample(Prompt::Messages(turns), &rejected, chosen)
}

/// The prompt of a row: `messages` if it has them, else `prompt`.
pub(crate) fn prompt(row: &Row) -> Result<Prompt, DataError> {
    if row.has(MESSAGES) {
        return Ok(Prompt::Messages(messages(row)?));
    }
    Ok(Prompt::Text(row.text("prompt")?.to_owned()))
}

fn messages(row: &Row) -> Result<Vec<Message>, DataError> {
    let turns = match row.value(MESSAGES) {
        Some(Value::Array(turns)) if turns.is_empty() => return Err(row.wrong(MESSAGES, "is empty", TURNS)),
        Some(Value::Array(turns)) => turns,
        other => return Err(row.wrong(MESSAGES, &format!("is {}", other.map_or("missing", kind)), TURNS)),
    };
    turns.iter().enumerate().map(|(index, turn)| message(row, index, turn)).collect()
}

fn message(row: &Row, index: usize, turn: &Value) -> Result<Message, DataError> {
    let name = |field: &str| format!("{MESSAGES}[{index}]{field}");
    if !turn.is_object() {
        return Err(row.wrong(&name(""), &format!("is {}", kind(turn)), "{\"role\", \"content\"}"));
    }
    let role = filled(turn.get("role")).map_err(|problem| row.wrong(&name(".role"), &problem, "a text"))?;
    if !ROLES.contains(&role) {
        return Err(row.wrong(&name(".role"), &format!("is `{role}`"), "system, user or assistant"));
    }
    let content = filled(turn.get("content")).map_err(|problem| row.wrong(&name(".content"), &problem, "a text"))?;
    Ok(Message::new(role, content))
}
