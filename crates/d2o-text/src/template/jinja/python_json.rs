//! The `tojson` of chat templates: Python's `json.dumps`, nothing escaped for HTML.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

use super::arguments::{bind, wrong};
use super::python_text::float;
use crate::template::bounds::charge;

/// Lists in lists that are still written.
const DEPTH: usize = 200;

/// `tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
pub(super) fn to_json(state: &State, arguments: &[Value]) -> Result<Value, Error> {
    let names = ["x", "ensure_ascii", "indent", "separators", "sort_keys"];
    let [value, ascii, indent, separators, sorted] = bind(names, arguments)?;
    let is_set = |option: Option<Value>| option.is_some_and(|option| option.is_true());
    let indent = indent.filter(|indent| !indent.is_none()).map(|indent| indention(&indent)).transpose()?;
    let (item, key) = match separators.filter(|separators| !separators.is_none()) {
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
        Some(pair) if pair.len() == Some(2) => (part(&pair, 0)?, part(&pair, 1)?),
        Some(_) => return Err(wrong("separators are two texts")),
    };
    let style = Style { state, indent, item, key, ascii: is_set(ascii), sorted: is_set(sorted) };
    let mut out = String::new();
    style.write(&mut out, &value.unwrap_or(Value::UNDEFINED), 0)?;
    Ok(Value::from_safe_string(out))
}

/// What each level is indented by: a text, or a number of spaces.
fn indention(indent: &Value) -> Result<String, Error> {
    match indent.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => {
            let width = i64::try_from(indent.clone()).map_err(|_| wrong("indent is a number or a text"))?;
            // Nobody reads what is further to the right, and a level must not cost a fortune.
            let width = usize::try_from(width).unwrap_or(0);
            if width > 1000 { Err(wrong("indent is at most 1000")) } else { Ok(" ".repeat(width)) }
        }
    }
}

fn part(pair: &Value, index: usize) -> Result<String, Error> {
    let text = pair.get_item_by_index(index)?;
    text.as_str().map(str::to_owned).ok_or_else(|| wrong("separators are two texts"))
}

/// Where Python puts space and line breaks, and what it escapes.
struct Style<'a> {
    state: &'a State<'a, 'a>,
    /// What a level is indented by; none keeps everything on one line.
    indent: Option<String>,
    item: String,
    key: String,
    ascii: bool,
    sorted: bool,
}

impl Style<'_> {
    fn write(&self, out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEPTH {
            return Err(wrong(format!("lists are nested more than {DEPTH} deep")));
        }
        let before = out.len();
        match value.kind() {
            ValueKind::None | ValueKind::Bool | ValueKind::Number => out.push_str(&scalar(value)),
            ValueKind::String => self.quoted(out, value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable if value.len().is_some() => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.container(out, ['[', ']'], &items, depth, |out, item| self.write(out, item, depth + 1))?;
            }
            ValueKind::Map => {
                let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
                let mut pairs: Vec<(Value, Value)> = pairs.into_iter().flatten().collect();
                if self.sorted {
                    pairs.sort_by(|left, right| left.0.cmp(&right.0));
                }
                self.container(out, ['{', '}'], &pairs, depth, |out, (key, value)| {
                    self.quoted(out, &key_text(key)?);
                    out.push_str(&self.key);
                    self.write(out, value, depth + 1)
                })?;
            }
            kind => return Err(wrong(format!("{kind} cannot be written as JSON"))),
        }
        charge(self.state, 64 + out.len() - before)
    }

    fn container<T>(
        &self,
        out: &mut String,
        brackets: [char; 2],
        items: &[T],
        depth: usize,
        mut write: impl FnMut(&mut String, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(brackets[0]);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                charge(self.state, self.item.len())?;
                out.push_str(&self.item);
            }
            self.line_break(out, depth + 1);
            write(out, item)?;
        }
        if !items.is_empty() {
            self.line_break(out, depth);
        }
        out.push(brackets[1]);
        Ok(())
    }

    fn line_break(&self, out: &mut String, depth: usize) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    fn quoted(&self, out: &mut String, text: &str) {
        out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                letter if letter < ' ' || (self.ascii && !(' '..='~').contains(&letter)) => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                letter => out.push(letter),
            }
        }
        out.push('"');
    }
}

/// None, a boolean or a number.
fn scalar(value: &Value) -> String {
    match value.kind() {
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => value.is_true().to_string(),
        _ if value.is_integer() => value.to_string(),
        _ => match f64::try_from(value.clone()) {
            Ok(number) if number.is_nan() => "NaN".to_owned(),
            Ok(number) if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            Ok(number) => float(number),
            Err(_) => value.to_string(),
        },
    }
}

fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::None | ValueKind::Bool | ValueKind::Number => Ok(scalar(key)),
        kind => Err(wrong(format!("{kind} cannot be a key in JSON"))),
    }
}
