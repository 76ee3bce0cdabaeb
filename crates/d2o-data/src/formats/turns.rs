//! Conversations: lists of `{role, content}` or `{from, value}`.

use d2o_text::Message;
use serde_json::{Map, Value};

use crate::error::DataError;
use crate::row::{Row, kind};

pub(super) const TURNS: &str = "a list of {\"role\", \"content\"}";
const TURN: &str = "{\"role\", \"content\"}";
/// What of a turn is handed on to templates beside role and content.
const OTHER: [&str; 4] = ["tool_calls", "tool_call_id", "name", "reasoning_content"];

/// The turns that a value holds; `at` names it in errors, such as `messages`.
///
/// # Errors
/// A value that is no list of turns, a turn without a role or content, with its position.
pub(super) fn turns(row: &Row, at: &str, value: &Value) -> Result<Vec<Message>, DataError> {
    match value {
        Value::Array(turns) if turns.is_empty() => Err(row.wrong(at, "is empty", TURNS)),
        Value::Array(turns) => {
            turns.iter().enumerate().map(|(index, turn)| message(row, &format!("{at}[{index}]"), turn)).collect()
        }
        Value::Object(columns) => turns(row, at, &transposed(columns).ok_or_else(|| not_turns(row, at, value))?),
        other => Err(not_turns(row, at, other)),
    }
}

fn not_turns(row: &Row, at: &str, value: &Value) -> DataError {
    row.wrong(at, &format!("is {}", kind(value)), TURNS)
}

/// The turns of `{"role": […], "content": […]}`, as tables write a list of objects; none if it is something else.
fn transposed(columns: &Map<String, Value>) -> Option<Value> {
    let length = columns.values().next()?.as_array()?.len();
    let lists: Option<Vec<(&String, &Vec<Value>)>> =
        columns.iter().map(|(name, list)| Some((name, list.as_array().filter(|list| list.len() == length)?))).collect();
    let lists = lists?;
    let turn = |index: usize| lists.iter().map(|(name, list)| ((*name).clone(), list[index].clone())).collect();
    Some((0..length).map(|index| Value::Object(turn(index))).collect())
}

/// One turn; `at` names it in errors.
pub(super) fn message(row: &Row, at: &str, turn: &Value) -> Result<Message, DataError> {
    let Value::Object(fields) = turn else {
        return Err(row.wrong(at, &format!("is {}", kind(turn)), TURN));
    };
    let (role_field, content_field) = if fields.contains_key("from") { ("from", "value") } else { ("role", "content") };
    let role = role(row, &format!("{at}.{role_field}"), fields.get(role_field))?;
    let calls = fields.get("tool_calls").is_some_and(|calls| calls.as_array().is_some_and(|calls| !calls.is_empty()));
    let content = match content(row, &format!("{at}.{content_field}"), fields.get(content_field)) {
        Ok(content) => content,
        Err(error) => {
            let none = fields.get(content_field).is_none_or(Value::is_null);
            if !(calls && none) {
                return Err(error);
            }
            String::new()
        }
    };
    if content.trim().is_empty() && role == "user" {
        return Err(row.wrong(&format!("{at}.{content_field}"), "is empty", "a text"));
    }
    let mut message = Message::new(role, content);
    let other = OTHER.iter().filter_map(|&name| Some((name.to_owned(), fields.get(name)?.clone())));
    message.other = other.filter(|(_, value)| !value.is_null()).collect();
    Ok(message)
}

/// The speaker, by the name that templates know.
fn role(row: &Row, at: &str, value: Option<&Value>) -> Result<String, DataError> {
    const ROLES: &str = "system, user, assistant or tool";
    let Some(Value::String(name)) = value else {
        return Err(row.wrong(at, &format!("is {}", value.map_or("missing", kind)), "a text"));
    };
    let role = match name.trim().to_lowercase().as_str() {
        "system" | "developer" => "system",
        "user" | "human" => "user",
        "assistant" | "gpt" | "chatgpt" | "model" | "function_call" => "assistant",
        "tool" | "function" | "ipython" | "observation" => "tool",
        "" => return Err(row.wrong(at, "is empty", "a text")),
        _ => return Err(row.wrong(at, &format!("is `{name}`"), ROLES)),
    };
    Ok(role.to_owned())
}

/// What was said: a text, or the texts of a list of parts, one behind the other.
fn content(row: &Row, at: &str, value: Option<&Value>) -> Result<String, DataError> {
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            parts.iter().enumerate().map(|(index, part)| text_part(row, &format!("{at}[{index}]"), part)).collect()
        }
        other => Err(row.wrong(at, &format!("is {}", other.map_or("missing", kind)), "a text")),
    }
}

fn text_part<'v>(row: &Row, at: &str, part: &'v Value) -> Result<&'v str, DataError> {
    match (part, part.get("type").and_then(Value::as_str), part.get("text")) {
        (Value::String(text), ..) => Ok(text),
        (_, None | Some("text"), Some(Value::String(text))) => Ok(text),
        (_, Some(other), _) if other != "text" => {
            Err(row.wrong(at, &format!("is of type `{other}`"), "parts of type `text`"))
        }
        _ => Err(row.wrong(at, &format!("is {}", kind(part)), "{\"type\": \"text\", \"text\"}")),
    }
}
