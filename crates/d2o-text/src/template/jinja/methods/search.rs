//! Questions to texts: where something stands, and what they are made of.

use minijinja::Error;
use minijinja::value::Value;

use super::super::arguments::{bind, integer, text, wrong};
use super::text::is_space;

/// None for a method that asks nothing.
pub(super) fn call(subject: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "startswith" | "endswith" => ends(subject, method == "startswith", arguments)?,
        "count" | "find" | "index" | "rfind" | "rindex" => position(subject, method, arguments)?,
        _ => match is(subject, method) {
            Some(answer) => {
                let [] = bind([], arguments)?;
                Value::from(answer)
            }
            None => return Ok(None),
        },
    }))
}

/// The part of a text between two positions, and how many letters stand in front of it.
fn part(subject: &str, start: Option<Value>, end: Option<Value>) -> Result<Option<(&str, usize)>, Error> {
    let length = subject.chars().count() as i64;
    let clamp = |value: Option<Value>, default: i64| -> Result<i64, Error> {
        let index = value.filter(|value| !value.is_none()).as_ref().map_or(Ok(default), integer)?;
        Ok(if index < 0 { (index + length).max(0) } else { index })
    };
    let (start, end) = (clamp(start, 0)?, clamp(end, length)?.min(length));
    if start > end {
        return Ok(None);
    }
    let byte = |index: i64| subject.char_indices().nth(index as usize).map_or(subject.len(), |(byte, _)| byte);
    Ok(Some((&subject[byte(start)..byte(end)], start as usize)))
}

fn ends(subject: &str, at_start: bool, arguments: &[Value]) -> Result<Value, Error> {
    let [wanted, start, end] = bind(["prefix", "start", "end"], arguments)?;
    let wanted = wanted.ok_or_else(|| wrong("expected a text or a tuple of texts"))?;
    let part = part(subject, start, end)?;
    let fits = |wanted: &str| {
        part.is_some_and(|(part, _)| if at_start { part.starts_with(wanted) } else { part.ends_with(wanted) })
    };
    if wanted.is_tuple() {
        let mut any = false;
        for one in wanted.try_iter()? {
            any |= fits(text(&one)?);
        }
        return Ok(Value::from(any));
    }
    Ok(Value::from(fits(text(&wanted)?)))
}

fn position(subject: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let [wanted, start, end] = bind(["sub", "start", "end"], arguments)?;
    let wanted = wanted.unwrap_or_default();
    let wanted = text(&wanted)?;
    let part = part(subject, start, end)?;
    if method == "count" {
        return Ok(Value::from(part.map_or(0, |(part, _)| part.matches(wanted).count())));
    }
    let found = part.and_then(|(part, before)| {
        let byte = if method.starts_with('r') { part.rfind(wanted) } else { part.find(wanted) };
        byte.map(|byte| before + part[..byte].chars().count())
    });
    match found {
        Some(index) => Ok(Value::from(index)),
        None if method.ends_with("index") => Err(wrong("the text does not hold what is looked for")),
        None => Ok(Value::from(-1)),
    }
}

/// What `str.is…` answers.
fn is(subject: &str, method: &str) -> Option<bool> {
    let all = |test: fn(char) -> bool| !subject.is_empty() && subject.chars().all(test);
    let cased =
        |wanted: fn(char) -> bool, other: fn(char) -> bool| subject.chars().any(wanted) && !subject.chars().any(other);
    Some(match method {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => subject.is_ascii(),
        // Digits of other scripts are left out: nothing here knows them from fractions and the like.
        "isdecimal" => all(|letter| letter.is_ascii_digit()),
        "isdigit" => all(|letter| letter.is_ascii_digit() || "\u{b2}\u{b3}\u{b9}".contains(letter)),
        "isidentifier" => {
            all(|letter| letter.is_alphanumeric() || letter == '_')
                && !subject.starts_with(|first: char| first.is_numeric())
        }
        "islower" => cased(char::is_lowercase, char::is_uppercase),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(is_space),
        "istitle" => {
            subject.chars().any(|letter| letter.is_lowercase() || letter.is_uppercase())
                && subject == super::text::title(subject)
        }
        "isupper" => cased(char::is_uppercase, char::is_lowercase),
        _ => return None,
    })
}
