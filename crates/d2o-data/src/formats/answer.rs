//! What a field with an answer may hold, and the prompt behind which it stands.

use d2o_text::{Message, Prompt};
use serde_json::Value;

use super::question::{conversation, conversation_field, is_blank, question, system};
use super::turns::{message, turns};
use crate::error::DataError;
use crate::row::{Row, kind};

const ANSWER: &str = "a text, or a list of messages that ends with the assistant's";

/// An answer, or a conversation that ends with it.
#[derive(Clone)]
pub(super) enum Answer {
    /// The answer alone.
    Text(String),
    /// Turns of which the last is the answer.
    Turns(Vec<Message>),
}

/// The answers of a field: a text, a message, a list of messages, or a list of several of these.
///
/// # Errors
/// A field that holds none, or something else.
pub(super) fn answers(row: &Row, field: &str) -> Result<Vec<Answer>, DataError> {
    let value = row.value(field).unwrap_or(&Value::Null);
    let Value::Array(items) = value else {
        return Ok(vec![answer(row, field, value)?]);
    };
    let is_list_of = |is: fn(&Value) -> bool| !items.is_empty() && items.iter().all(is);
    if is_list_of(Value::is_object) {
        return Ok(vec![answer(row, field, value)?]);
    }
    if !is_list_of(Value::is_string) && !is_list_of(Value::is_array) {
        let problem = if items.is_empty() { "is empty" } else { "is a list of different things" };
        return Err(row.wrong(field, problem, ANSWER));
    }
    let filled = items.iter().enumerate().filter(|(_, item)| !is_blank(item));
    let answers: Vec<Answer> =
        filled.map(|(index, item)| answer(row, &format!("{field}[{index}]"), item)).collect::<Result<_, _>>()?;
    if answers.is_empty() { Err(row.wrong(field, "is empty", ANSWER)) } else { Ok(answers) }
}

/// The answer of a field that may be absent, null, blank, an empty list or a list whose last message is blank.
///
/// # Errors
/// A field that holds something else.
pub(super) fn optional_answer(row: &Row, field: &str) -> Result<Option<Answer>, DataError> {
    if row.value(field).is_none_or(says_nothing) {
        return Ok(None);
    }
    Ok(answers(row, field)?.into_iter().next())
}

/// Whether a value holds no text: null, blank, or a list whose last element holds none.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.last().is_none_or(says_nothing),
        Value::Object(fields) => {
            let content = ["content", "value"].iter().find_map(|name| fields.get(*name));
            content.is_some_and(says_nothing)
        }
        other => is_blank(other),
    }
}

fn answer(row: &Row, at: &str, value: &Value) -> Result<Answer, DataError> {
    match value {
        Value::String(_) if is_blank(value) => Err(row.wrong(at, "is empty", "a text")),
        Value::String(text) => Ok(Answer::Text(text.clone())),
        Value::Array(_) => Ok(Answer::Turns(ended(row, at, turns(row, at, value)?)?)),
        Value::Object(fields) if fields.values().any(Value::is_array) && !fields.contains_key("tool_calls") => {
            Ok(Answer::Turns(ended(row, at, turns(row, at, value)?)?))
        }
        Value::Object(_) => {
            let turn = ended(row, at, vec![message(row, at, value)?])?;
            Ok(turn.into_iter().next().map_or_else(|| Answer::Turns(Vec::new()), |turn| Answer::Text(turn.content)))
        }
        other => {
            let problem =
                if row.names(at) || !other.is_null() { format!("is {}", kind(other)) } else { "is missing".to_owned() };
            Err(row.wrong(at, &problem, "a text"))
        }
    }
}

/// Turns that end with something that the assistant said.
fn ended(row: &Row, at: &str, turns: Vec<Message>) -> Result<Vec<Message>, DataError> {
    match turns.last() {
        Some(last) if last.role != "assistant" => {
            Err(row.wrong(at, &format!("ends with a turn of the {}", last.role), "a last message of the assistant"))
        }
        Some(last) if last.content.trim().is_empty() => {
            Err(row.wrong(at, "ends with a message without text", "a last message of the assistant with a text"))
        }
        _ => Ok(turns),
    }
}

/// A prompt and the answer behind it: the answer's own conversation, behind the row's question where it brings none.
///
/// # Errors
/// A row without a question; an answer's conversation that begins otherwise than the question.
pub(super) fn answered(row: &Row, field: &str, answer: Answer) -> Result<(Prompt, String), DataError> {
    let mut turns = match answer {
        Answer::Text(text) => return Ok((bare_question(row)?, text)),
        Answer::Turns(turns) => turns,
    };
    let Some(last) = turns.pop() else { return Err(row.wrong(field, "is empty", ANSWER)) };
    let continues = turns.first().is_none_or(|first| matches!(first.role.as_str(), "assistant" | "tool"));
    let prompt = if continues {
        let asked = bare_question(row)?;
        if turns.is_empty() { asked } else { Prompt::Messages([asked.messages(), turns].concat()) }
    } else {
        Prompt::Messages(whole(row, field, turns)?)
    };
    Ok((prompt, last.content))
}

/// The row's question, without the answer that its conversation may end with.
fn bare_question(row: &Row) -> Result<Prompt, DataError> {
    let Some(field) = conversation_field(row) else { return question(row) };
    let mut turns = question(row)?.messages();
    turns.pop_if(|last| last.role == "assistant");
    if turns.iter().all(|turn| turn.role == "system") {
        return Err(row.wrong(field, "holds no prompt", "at least one message before the answer"));
    }
    Ok(Prompt::Messages(turns))
}

/// The answer that the row's conversation ends with, where it does and the answer has a text.
pub(super) fn last_answer(row: &Row) -> Result<Option<String>, DataError> {
    let Some(field) = conversation_field(row) else { return Ok(None) };
    let last = conversation(row, field)?.pop().filter(|last| last.role == "assistant");
    Ok(last.map(|last| last.content).filter(|text| !text.trim().is_empty()))
}

/// The turns of a conversation that says itself what was asked, with what the row's own prompt has in front of them.
fn whole(row: &Row, field: &str, turns: Vec<Message>) -> Result<Vec<Message>, DataError> {
    if !(row.is_filled("prompt") && row.value("prompt").is_some_and(Value::is_array)) {
        // A prompt that is a text repeats what the conversation says.
        let system = system(row)?.filter(|_| turns.first().is_none_or(|first| first.role != "system"));
        return Ok(system.into_iter().chain(turns).collect());
    }
    let asked = question(row)?.messages();
    if turns.starts_with(&asked) {
        return Ok(turns);
    }
    let shared = (1..=asked.len().min(turns.len())).rev().find(|&count| asked.ends_with(&turns[..count]));
    match shared {
        Some(shared) => Ok([&asked[..], &turns[shared..]].concat()),
        None => Err(row.wrong(field, "begins with other turns than `prompt`", "the same conversation in both")),
    }
}
