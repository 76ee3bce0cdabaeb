//! Methods that make a text of a text.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::Value;
use minijinja::{Error, State};

use super::super::arguments::{bind, integer, text, wrong};
use crate::template::bounds::charge;

/// None for a method that texts do not have, or not here.
pub(super) fn call(state: &State, subject: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let made = match method {
        "capitalize" | "casefold" | "lower" | "swapcase" | "title" | "upper" => {
            let [] = bind([], arguments)?;
            case(subject, method)
        }
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = bind(["chars"], arguments)?;
            let (left, right) = (method != "rstrip", method != "lstrip");
            match chars.filter(|chars| !chars.is_none()) {
                Some(chars) => trimmed(subject, text(&chars)?, left, right),
                None => stripped(subject, left, right),
            }
            .to_owned()
        }
        "replace" => replace(state, subject, arguments)?,
        "removeprefix" | "removesuffix" => {
            let [affix] = bind(["affix"], arguments)?;
            let affix = affix.unwrap_or_default();
            let affix = text(&affix)?;
            let rest = if method == "removeprefix" { subject.strip_prefix(affix) } else { subject.strip_suffix(affix) };
            rest.unwrap_or(subject).to_owned()
        }
        "join" => join(state, subject, arguments)?,
        "format" => format(FormatStyle::StrFormat, subject, arguments)?,
        "center" | "ljust" | "rjust" | "zfill" => pad(state, subject, method, arguments)?,
        "expandtabs" => expand_tabs(state, subject, arguments)?,
        _ => return Ok(None),
    };
    Ok(Some(Value::from(made)))
}

/// White space as Python's texts see it.
pub(super) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\x1c'..='\x1f')
}

/// The text without white space at its ends.
pub(crate) fn stripped(subject: &str, left: bool, right: bool) -> &str {
    let subject = if left { subject.trim_start_matches(is_space) } else { subject };
    if right { subject.trim_end_matches(is_space) } else { subject }
}

/// The text without those letters at its ends.
pub(crate) fn trimmed<'t>(subject: &'t str, letters: &str, left: bool, right: bool) -> &'t str {
    let among = |letter: char| letters.contains(letter);
    let subject = if left { subject.trim_start_matches(among) } else { subject };
    if right { subject.trim_end_matches(among) } else { subject }
}

fn case(subject: &str, method: &str) -> String {
    match method {
        "capitalize" => capitalized(subject),
        "casefold" => subject.to_lowercase().replace('ß', "ss"),
        "lower" => subject.to_lowercase(),
        "title" => title(subject),
        "upper" => subject.to_uppercase(),
        _ => {
            let swap = |letter: char| if letter.is_uppercase() { lower(letter) } else { upper(letter) };
            subject.chars().map(swap).collect()
        }
    }
}

fn upper(letter: char) -> String {
    letter.to_uppercase().collect()
}

fn lower(letter: char) -> String {
    letter.to_lowercase().collect()
}

/// The first letter as at the beginning of a title, the rest small.
fn capitalized(subject: &str) -> String {
    let mut letters = subject.chars();
    let Some(first) = letters.next() else { return String::new() };
    let first = upper(first);
    // Ligatures and ß become two letters, of which only the first is large in a title.
    let mut parts = first.chars();
    let head = parts.next().map(String::from).unwrap_or_default();
    head + &parts.flat_map(char::to_lowercase).collect::<String>() + &letters.as_str().to_lowercase()
}

/// A large letter at the beginning of every run of letters that have cases, small ones behind it.
pub(super) fn title(subject: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(subject.len());
    for letter in subject.chars() {
        out.push_str(&if inside { lower(letter) } else { capitalized(letter.encode_utf8(&mut [0; 4])) });
        inside = letter.is_lowercase() || letter.is_uppercase();
    }
    out
}

fn replace(state: &State, subject: &str, arguments: &[Value]) -> Result<String, Error> {
    let [old, new, count] = bind(["old", "new", "count"], arguments)?;
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let (old, new) = (text(&old)?, text(&new)?);
    let count = usize::try_from(count.as_ref().map_or(Ok(-1), integer)?).unwrap_or(usize::MAX);
    let found = subject.matches(old).take(count).count();
    charge(state, found.saturating_mul(new.len()).saturating_add(subject.len()))?;
    Ok(subject.replacen(old, new, count))
}

fn join(state: &State, separator: &str, arguments: &[Value]) -> Result<String, Error> {
    let [items] = bind(["iterable"], arguments)?;
    let items = items.filter(|items| !items.is_none()).ok_or_else(|| wrong("join takes a list of texts"))?;
    let mut out = String::new();
    for (index, item) in items.try_iter()?.enumerate() {
        let item = text(&item)?.to_owned();
        charge(state, 64 + separator.len() + item.len())?;
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(&item);
    }
    Ok(out)
}

fn pad(state: &State, subject: &str, method: &str, arguments: &[Value]) -> Result<String, Error> {
    let [width, fill] = bind(["width", "fillchar"], arguments)?;
    let width = integer(&width.unwrap_or_default())?;
    let mut fill = fill.as_ref().map_or(Ok(" "), text)?.chars();
    let (Some(letter), None) = (fill.next(), fill.next()) else { return Err(wrong("the fill is one letter")) };
    if method == "center" {
        return center(state, subject, width, letter);
    }
    let missing = missing(state, subject, width, letter)?;
    let filled = |letter: char| std::iter::repeat_n(letter, missing).collect::<String>();
    Ok(match method {
        "ljust" => subject.to_owned() + &filled(letter),
        "rjust" => filled(letter) + subject,
        // Zeros stand behind the sign.
        _ => {
            let sign = if subject.starts_with(['+', '-']) { 1 } else { 0 };
            [&subject[..sign], &filled('0'), &subject[sign..]].concat()
        }
    })
}

/// Letters that a text lacks to a width, paid for.
fn missing(state: &State, subject: &str, width: i64, letter: char) -> Result<usize, Error> {
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(subject.chars().count());
    charge(state, missing.saturating_mul(letter.len_utf8()))?;
    Ok(missing)
}

/// The text in the middle; where one letter is left over, Python decides by the parity of the width on its side.
pub(crate) fn center(state: &State, subject: &str, width: i64, letter: char) -> Result<String, Error> {
    let missing = missing(state, subject, width, letter)?;
    let left = missing / 2 + (missing & width.max(0) as usize & 1);
    let filled = |count: usize| std::iter::repeat_n(letter, count).collect::<String>();
    Ok(filled(left) + subject + &filled(missing - left))
}

fn expand_tabs(state: &State, subject: &str, arguments: &[Value]) -> Result<String, Error> {
    let [size] = bind(["tabsize"], arguments)?;
    let size = usize::try_from(size.as_ref().map_or(Ok(8), integer)?).unwrap_or(0);
    charge(state, subject.matches('\t').count().saturating_mul(size))?;
    let (mut out, mut column) = (String::with_capacity(subject.len()), 0);
    for letter in subject.chars() {
        match letter {
            '\t' => {
                let width = if size == 0 { 0 } else { size - column % size };
                out.extend(std::iter::repeat_n(' ', width));
                column += width;
            }
            letter => {
                out.push(letter);
                column = if matches!(letter, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    Ok(out)
}

/// Python's `int(text, base)`: white space around and `_` between digits do not count.
pub(crate) fn parse_integer(subject: &str, base: i64) -> Option<i128> {
    let subject = stripped(subject, true, true);
    let (sign, digits) = match subject.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", subject.strip_prefix('+').unwrap_or(subject)),
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let prefixed = digits.get(..2).is_some_and(|start| !prefix.is_empty() && start.eq_ignore_ascii_case(prefix));
    let digits = if prefixed { &digits[2..] } else { digits };
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?;
    let apart = digits.starts_with(['_', '+', '-']) || digits.ends_with('_') || digits.contains("__");
    if apart {
        return None;
    }
    i128::from_str_radix(&(sign.to_owned() + &digits.replace('_', "")), base).ok()
}
