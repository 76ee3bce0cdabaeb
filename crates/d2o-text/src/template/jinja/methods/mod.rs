//! Methods of Python's texts, lists and dictionaries.

mod containers;
mod search;
mod split;
mod text;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

pub(super) use split::split_lines;
pub(super) use text::{center, parse_integer, stripped, trimmed};

use super::arguments::wrong;

/// Methods that change what they belong to. Transformers' sandbox refuses them, too.
const CHANGING: [&str; 12] = [
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
    "add",
];

fn of_text(state: &State, subject: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    if let Some(answer) = search::call(subject, method, arguments)? {
        return Ok(Some(answer));
    }
    match split::call(subject, method, arguments)? {
        Some(parts) => Ok(Some(parts)),
        None => text::call(state, subject, method, arguments),
    }
}

/// Calls a method of a value that the engine itself has none for.
pub(super) fn call(state: &mut State, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let found = match value.kind() {
        ValueKind::String => of_text(state, value.as_str().unwrap_or_default(), method, arguments)?,
        ValueKind::Map => containers::of_map(value, method, arguments)?,
        ValueKind::Seq | ValueKind::Iterable => containers::of_list(state, value, method, arguments)?,
        _ => None,
    };
    match found {
        Some(result) => Ok(result),
        None if CHANGING.contains(&method) && !value.is_undefined() && value.kind() != ValueKind::String => {
            Err(wrong(format!("`{method}` would change a {}; templates may not", value.kind())))
        }
        None => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}
