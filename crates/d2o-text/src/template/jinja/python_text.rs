//! Values as text: Python's `str` and `repr`.

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Error, Output, State};

use super::arguments::wrong;
use super::generator::DictView;
use crate::template::bounds::OUTPUT;

/// Lists in lists that are still written.
const DEPTH: usize = 200;

/// What `{{ value }}` writes.
pub(super) fn print(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let escaping = !value.is_safe() && !matches!(state.auto_escape(), AutoEscape::None);
    let written = match value.as_str() {
        Some(text) if escaping => out.write_str(&escaped(text)),
        Some(text) => out.write_str(text),
        None if escaping => out.write_str(&escaped(&str_of(value)?)),
        None => out.write_str(&str_of(value)?),
    };
    written.map_err(Error::from)
}

/// Python's `str(value)`; an undefined value is nothing.
pub(super) fn str_of(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None if value.is_undefined() => Ok(String::new()),
        None => {
            let mut text = String::new();
            repr(&mut text, value, 0)?;
            Ok(text)
        }
    }
}

/// Python's `repr(value)` behind what `out` holds.
fn repr(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    if depth > DEPTH {
        return Err(wrong(format!("lists are nested more than {DEPTH} deep")));
    }
    match value.kind() {
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::String => quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::Number if !value.is_integer() => {
            out.push_str(&f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float));
        }
        ValueKind::Map => {
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
            out.push('{');
            for (index, (key, value)) in pairs.into_iter().flatten().enumerate() {
                separate(out, index);
                repr(out, &key, depth + 1)?;
                out.push_str(": ");
                repr(out, &value, depth + 1)?;
            }
            out.push('}');
        }
        ValueKind::Seq | ValueKind::Iterable if value.len().is_some() => items(out, value, depth)?,
        _ => out.push_str(&value.to_string()),
    }
    Ok(())
}

fn items(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    let view = value.downcast_object_ref::<DictView>().map(DictView::name);
    if let Some(name) = view {
        out.push_str(name);
        out.push('(');
    }
    let tuple = value.is_tuple();
    out.push(if tuple { '(' } else { '[' });
    for (index, item) in value.try_iter()?.enumerate() {
        separate(out, index);
        repr(out, &item, depth + 1)?;
        if out.len() > OUTPUT {
            return Err(wrong(format!("a list takes more than {OUTPUT} bytes when it is written")));
        }
    }
    if tuple && value.len() == Some(1) {
        out.push(',');
    }
    out.push(if tuple { ')' } else { ']' });
    if view.is_some() {
        out.push(')');
    }
    Ok(())
}

fn separate(out: &mut String, index: usize) {
    if index > 0 {
        out.push_str(", ");
    }
}

/// The shortest digits that are read back as the same number, with an exponent below 1e-4 and from 1e16 on.
pub(super) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    if number != 0.0 && !(1e-4..1e16).contains(&number.abs()) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = number.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

fn quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter == quote => out.extend(['\\', quote]),
            letter if is_printable(letter) => out.push(letter),
            letter => out.push_str(&match letter as u32 {
                code @ 0..=0xff => format!("\\x{code:02x}"),
                code @ 0x100..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    out.push(quote);
}

/// Whether Python's `repr` shows a letter as it is: neither control nor format nor private, and no space but the
/// common one.
fn is_printable(letter: char) -> bool {
    let format_or_private = matches!(letter,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}'
        | '\u{f0000}'..='\u{10ffff}');
    letter == ' ' || !(letter.is_control() || letter.is_whitespace() || format_or_private)
}

/// A text with the letters that mean something in HTML replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            letter => out.push(letter),
        }
    }
    out
}
