//! Jinja2's filters where the engine has none, takes fewer arguments, or decides otherwise.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, State, filters};

use super::arguments::{Arguments, bind, integer, is_set, text, values, wrong};
use super::generator::generator;
use super::methods::{center, parse_integer, split_lines, stripped, trimmed};
use super::python_json::to_json;
use super::python_text::{escaped, str_of};
use super::tests::is_engines_own;
use crate::template::bounds::charge;

pub(super) fn add_filters(environment: &mut Environment<'_>) {
    // Attributes in Python's sense: what a dictionary holds is none.
    environment.add_filter("attr", |value: &Value, name: &Value| match is_engines_own(value) {
        true => value.get_item(name),
        false => Ok(Value::UNDEFINED),
    });
    environment.add_filter("center", |state: &State, arguments: Arguments| {
        let [value, width] = bind(["value", "width"], &values(arguments))?;
        center(state, &subject(value)?, width.as_ref().map_or(Ok(80), integer)?, ' ')
    });
    for name in ["d", "default"] {
        environment.add_filter(name, default);
    }
    environment.add_filter("dictsort", dictsort);
    for name in ["e", "escape"] {
        environment.add_filter(name, |value: &Value| match value.is_safe() {
            true => Ok(value.clone()),
            false => str_of(value).map(|text| Value::from_safe_string(escaped(&text))),
        });
    }
    environment.add_filter("float", float);
    environment
        .add_filter("forceescape", |value: &Value| str_of(value).map(|text| Value::from_safe_string(escaped(&text))));
    environment.add_filter("indent", indent);
    environment.add_filter("int", int);
    environment.add_filter("list", list);
    environment.add_filter("sort", sort);
    environment.add_filter("string", |value: &Value| match value.as_str() {
        Some(_) => Ok(value.clone()),
        None => str_of(value).map(Value::from),
    });
    environment.add_filter("\0sum", filters::sum);
    environment.add_filter("sum", sum);
    environment.add_filter("tojson", |state: &State, arguments: Arguments| to_json(state, &values(arguments)));
    environment.add_filter("trim", |arguments: Arguments| {
        let [value, chars] = bind(["value", "chars"], &values(arguments))?;
        let value = subject(value)?;
        Ok::<_, Error>(Value::from(match chars.filter(|chars| !chars.is_none()) {
            Some(chars) => trimmed(&value, text(&chars)?, true, true),
            None => stripped(&value, true, true),
        }))
    });
    environment.add_filter("truncate", truncate);
    environment.add_filter("unique", unique);
    environment.add_filter("wordcount", |value: &Value| {
        let value = str_of(value)?;
        let words = value.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        Ok::<_, Error>(words.filter(|word| !word.is_empty()).count())
    });
    for unknown_to_jinja2 in ["bool", "chain", "lines", "pprint", "split", "zip"] {
        environment.remove_filter(unknown_to_jinja2);
    }
}

/// What a filter works on, as text.
fn subject(value: Option<Value>) -> Result<String, Error> {
    str_of(&value.unwrap_or(Value::UNDEFINED))
}

fn default(arguments: Arguments) -> Result<Value, Error> {
    let [value, other, boolean] = bind(["value", "default_value", "boolean"], &values(arguments))?;
    let value = value.unwrap_or(Value::UNDEFINED);
    let missing = value.is_undefined() || (is_set(boolean.as_ref()) && !value.is_true());
    Ok(if missing { other.unwrap_or_else(|| Value::from("")) } else { value })
}

fn list(state: &State, value: Value) -> Result<Value, Error> {
    if value.is_none() {
        return Err(wrong("none cannot be gone through"));
    }
    let mut items = Vec::new();
    for item in value.try_iter()?.checked() {
        state.consume_fuel(1)?;
        items.push(item?);
    }
    Ok(Value::from(items))
}

fn int(arguments: Arguments) -> Result<Value, Error> {
    let [value, default, base] = bind(["value", "default", "base"], &values(arguments))?;
    let (value, default) = (defined(value)?, default.unwrap_or_else(|| Value::from(0)));
    let base = base.as_ref().map_or(Ok(10), integer)?;
    Ok(match value.as_str() {
        Some(text) => {
            let float = || stripped(text, true, true).parse::<f64>().ok().filter(|number| number.is_finite());
            let whole = || float().map(|number| Value::from(number.trunc() as i128));
            parse_integer(text, base).map(Value::from).or_else(whole).unwrap_or(default)
        }
        None if value.is_integer() => value,
        None => match f64::try_from(value) {
            Ok(number) if number.is_finite() => Value::from(number.trunc() as i128),
            _ => default,
        },
    })
}

fn float(arguments: Arguments) -> Result<Value, Error> {
    let [value, default] = bind(["value", "default"], &values(arguments))?;
    let (value, default) = (defined(value)?, default.unwrap_or_else(|| Value::from(0.0)));
    let number = match value.as_str() {
        Some(text) => stripped(text, true, true).replace('_', "").parse().ok(),
        None => f64::try_from(value).ok(),
    };
    Ok(number.map_or(default, Value::from))
}

/// A value that Python can make a number of, or not; an undefined one is an error.
fn defined(value: Option<Value>) -> Result<Value, Error> {
    let value = value.unwrap_or(Value::UNDEFINED);
    match value.kind() {
        ValueKind::Undefined => Err(wrong("an undefined value is no number")),
        ValueKind::Bool => Ok(Value::from(i64::from(value.is_true()))),
        _ => Ok(value),
    }
}

fn indent(state: &State, arguments: Arguments) -> Result<Value, Error> {
    let [value, width, first, blank] = bind(["s", "width", "first", "blank"], &values(arguments))?;
    let value = subject(value)?;
    let indention = match width.as_ref().map(|width| (width.as_str(), width)) {
        Some((Some(text), _)) => text.to_owned(),
        Some((None, number)) => spaces(state, integer(number)?)?,
        None => " ".repeat(4),
    };
    let whole = value.clone() + "\n";
    let lines = split_lines(&whole, false);
    charge(state, value.len().saturating_add(lines.len().saturating_mul(indention.len())))?;
    let (first, blank) = (is_set(first.as_ref()), is_set(blank.as_ref()));
    let mut out = String::with_capacity(value.len());
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if if index == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&indention);
        }
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn spaces(state: &State, width: i64) -> Result<String, Error> {
    let width = usize::try_from(width).unwrap_or(0);
    charge(state, width)?;
    Ok(" ".repeat(width))
}

fn truncate(arguments: Arguments) -> Result<Value, Error> {
    let names = ["s", "length", "killwords", "end", "leeway"];
    let [value, length, killwords, end, leeway] = bind(names, &values(arguments))?;
    let value = subject(value)?;
    let count = |value: Option<Value>, default: i64| value.as_ref().map_or(Ok(default), integer);
    let (length, leeway) = (count(length, 255)?, count(leeway.filter(|leeway| !leeway.is_none()), 5)?);
    let end = end.as_ref().map_or(Ok("..."), text)?.to_owned();
    let kept = length.saturating_sub(end.chars().count() as i64);
    if kept < 0 || leeway < 0 {
        return Err(wrong("truncate cannot keep less than nothing"));
    }
    if value.chars().count() as i64 <= length.saturating_add(leeway) {
        return Ok(Value::from(value));
    }
    let mut beginning: String = value.chars().take(kept as usize).collect();
    if !is_set(killwords.as_ref()) {
        beginning.truncate(beginning.rfind(' ').unwrap_or(beginning.len()));
    }
    Ok(Value::from(beginning + &end))
}

fn dictsort(state: &State, arguments: Arguments) -> Result<Value, Error> {
    let names = ["value", "case_sensitive", "by", "reverse"];
    let [value, case_sensitive, by, reverse] = bind(names, &values(arguments))?;
    let value = value.unwrap_or(Value::UNDEFINED);
    let pairs = value.as_object().filter(|_| value.kind() == ValueKind::Map).and_then(|object| object.try_iter_pairs());
    let pairs: Vec<(Value, Value)> = pairs.ok_or_else(|| wrong("dictsort takes a dictionary"))?.collect();
    let by_value = match by.as_ref().map_or(Ok("key"), text)? {
        "key" => false,
        "value" => true,
        _ => return Err(wrong("dictsort sorts by `key` or `value`")),
    };
    let sensitive = is_set(case_sensitive.as_ref());
    let key = |pair: &(Value, Value)| folded(if by_value { &pair.1 } else { &pair.0 }, sensitive);
    let pair = |(key, value): (Value, Value)| Value::from(minijinja::value::Tuple::from([key, value]));
    let keyed = pairs.into_iter().map(|item| (vec![key(&item)], pair(item))).collect();
    Ok(Value::from(sorted(state, keyed, is_set(reverse.as_ref()))?))
}

fn sort(state: &State, arguments: Arguments) -> Result<Value, Error> {
    let names = ["value", "reverse", "case_sensitive", "attribute"];
    let [value, reverse, case_sensitive, attribute] = bind(names, &values(arguments))?;
    let items = list(state, value.unwrap_or(Value::UNDEFINED))?;
    let sensitive = is_set(case_sensitive.as_ref());
    let mut keyed = Vec::new();
    for item in items.try_iter()? {
        let attributes = attribute.as_ref().filter(|attribute| !attribute.is_none());
        let keys = match attributes.map(|attribute| (attribute.as_str(), attribute)) {
            None => vec![folded(&item, sensitive)],
            Some((None, index)) => vec![folded(&item.get_item(index)?, sensitive)],
            Some((Some(names), _)) => names
                .split(',')
                .map(|path| Ok(folded(&at_path(&item, path)?, sensitive)))
                .collect::<Result<_, Error>>()?,
        };
        keyed.push((keys, item));
    }
    Ok(Value::from(sorted(state, keyed, is_set(reverse.as_ref()))?))
}

/// Numbers only: adding lists up would take the square of their length.
fn sum(state: &mut State, arguments: Arguments) -> Result<Value, Error> {
    let arguments = values(arguments);
    let [_, _, start] = bind(["iterable", "attribute", "start"], &arguments)?;
    if start.is_some_and(|start| !start.is_number()) {
        return Err(wrong("sum adds numbers"));
    }
    // No template can spell this name.
    state.apply_filter("\0sum", &arguments)
}

fn unique(state: &State, arguments: Arguments) -> Result<Value, Error> {
    let [value, case_sensitive, attribute] = bind(["value", "case_sensitive", "attribute"], &values(arguments))?;
    let sensitive = is_set(case_sensitive.as_ref());
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for item in list(state, value.unwrap_or(Value::UNDEFINED))?.try_iter()? {
        let key = match attribute.as_ref().and_then(Value::as_str) {
            Some(path) => at_path(&item, path)?,
            None => item.clone(),
        };
        if seen.insert(folded(&key, sensitive)) {
            kept.push(item);
        }
    }
    generator(Value::from(kept))
}

/// An attribute of an attribute …, names or indices with dots between them.
fn at_path(value: &Value, path: &str) -> Result<Value, Error> {
    let step = |value: Value, part: &str| match part.parse::<usize>() {
        Ok(index) => value.get_item_by_index(index),
        Err(_) => value.get_attr(part),
    };
    path.split('.').try_fold(value.clone(), step)
}

/// What a value is ordered by: texts regardless of case, unless that counts.
fn folded(value: &Value, case_sensitive: bool) -> Value {
    match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value.clone(),
    }
}

/// The items in the order of their keys, equal ones as they stood; keys that Python cannot compare are an error.
fn sorted(state: &State, mut keyed: Vec<(Vec<Value>, Value)>, reverse: bool) -> Result<Vec<Value>, Error> {
    let comparisons = keyed.len().saturating_mul(keyed.len().checked_ilog2().unwrap_or(0) as usize + 1);
    state.consume_fuel(comparisons as u64)?;
    let comparable = |value: &Value| match value.kind() {
        ValueKind::Bool => Some(ValueKind::Number),
        kind @ (ValueKind::Number | ValueKind::String | ValueKind::Seq) => Some(kind),
        _ => None,
    };
    if let Some((first, _)) = keyed.first().filter(|_| keyed.len() > 1) {
        let kinds: Vec<_> = first.iter().map(comparable).collect();
        let alike = |(keys, _): &(Vec<Value>, Value)| keys.iter().map(comparable).eq(kinds.iter().copied());
        if kinds.contains(&None) || !keyed.iter().all(alike) {
            return Err(wrong("values of these types cannot be ordered"));
        }
    }
    let order = |(left, _): &(Vec<Value>, Value), (right, _): &(Vec<Value>, Value)| -> Ordering {
        let ordering = left.cmp(right);
        if reverse { ordering.reverse() } else { ordering }
    };
    keyed.sort_by(order);
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}
