//! Texts taken apart.

use minijinja::Error;
use minijinja::value::{Tuple, Value};

use super::super::arguments::{bind, integer, is_set, text, wrong};
use super::text::is_space;

/// None for a method that does not take texts apart.
pub(super) fn call(subject: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "split" | "rsplit" => {
            let [separator, most] = bind(["sep", "maxsplit"], arguments)?;
            let most = usize::try_from(most.as_ref().map_or(Ok(-1), integer)?).unwrap_or(usize::MAX);
            let from_behind = method == "rsplit";
            let parts = match separator.as_ref().filter(|separator| !separator.is_none()).map(text).transpose()? {
                Some("") => return Err(wrong("a text cannot be split at nothing")),
                Some(separator) if from_behind => from_right(subject.rsplitn(most.saturating_add(1), separator)),
                Some(separator) => subject.splitn(most.saturating_add(1), separator).collect(),
                None if from_behind => words_from_right(subject, most),
                None => words(subject, most),
            };
            list(parts)
        }
        "splitlines" => {
            let [keep] = bind(["keepends"], arguments)?;
            list(split_lines(subject, is_set(keep.as_ref())))
        }
        "partition" | "rpartition" => {
            let [separator] = bind(["sep"], arguments)?;
            let separator = separator.unwrap_or_default();
            let separator = text(&separator)?;
            if separator.is_empty() {
                return Err(wrong("a text cannot be split at nothing"));
            }
            let first = method == "partition";
            let halves = if first { subject.split_once(separator) } else { subject.rsplit_once(separator) };
            let parts = match halves {
                Some((before, behind)) => [before, separator, behind],
                None if first => [subject, "", ""],
                None => ["", "", subject],
            };
            Value::from(Tuple::from(parts.map(Value::from)))
        }
        _ => return Ok(None),
    }))
}

fn list(parts: Vec<&str>) -> Value {
    Value::from(parts.into_iter().map(Value::from).collect::<Vec<_>>())
}

fn from_right<'t>(parts: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let mut parts: Vec<&str> = parts.collect();
    parts.reverse();
    parts
}

/// Words between white space; what is left after the last split keeps its own.
fn words(subject: &str, most: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = subject.trim_start_matches(is_space);
    while !rest.is_empty() && words.len() < most {
        let end = rest.find(is_space).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    words.extend(Some(rest).filter(|rest| !rest.is_empty()));
    words
}

fn words_from_right(subject: &str, most: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = subject.trim_end_matches(is_space);
    while !rest.is_empty() && words.len() < most {
        let space = rest.char_indices().rev().find(|(_, letter)| is_space(*letter));
        let start = space.map_or(0, |(index, letter)| index + letter.len_utf8());
        words.push(&rest[start..]);
        rest = rest[..start].trim_end_matches(is_space);
    }
    words.extend(Some(rest).filter(|rest| !rest.is_empty()));
    words.reverse();
    words
}

/// Lines as Python sees them, with their ends if asked for. Nothing stands behind the last line break.
pub(crate) fn split_lines(subject: &str, keep_ends: bool) -> Vec<&str> {
    let is_break = |letter: char| {
        matches!(letter, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
    };
    let mut lines = Vec::new();
    let mut rest = subject;
    while let Some(end) = rest.find(is_break) {
        let long = rest[end..].starts_with("\r\n");
        let width = if long { 2 } else { rest[end..].chars().next().map_or(1, char::len_utf8) };
        lines.push(&rest[..if keep_ends { end + width } else { end }]);
        rest = &rest[end + width..];
    }
    lines.extend(Some(rest).filter(|rest| !rest.is_empty()));
    lines
}
