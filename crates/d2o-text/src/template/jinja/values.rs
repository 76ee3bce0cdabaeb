//! Values that a template keeps: how deep and how large they may become.

use minijinja::value::{Tuple, Value, ValueKind};
use minijinja::{Error, State};

use super::arguments::wrong;
use super::tests::{is_engines_own, is_namespace};

/// The filter behind which every `{% set %}` puts its value.
pub(crate) const KEPT: &str = "d2o_kept";

/// Lists in lists.
const DEPTH: usize = 64;

/// Items of a value, those in its lists and dictionaries included.
const ITEMS: usize = 200_000;

/// A value that is kept: no deeper and no larger than it may be, and what is only a view of another value made a list
/// of its own.
///
/// Namespaces are what lets a value grow from turn to turn of a loop; without a bound, it could grow until going
/// through it takes the whole stack or all time.
///
/// `inside` a namespace there is no other one, as it might hold itself.
pub(super) fn kept(state: &State, value: Value, inside: Option<bool>) -> Result<Value, Error> {
    if inside == Some(true) && is_namespace(&value) {
        return Err(wrong("a namespace cannot be kept inside another one"));
    }
    if value.as_object().is_none() || is_engines_own(&value) {
        return Ok(value);
    }
    let mut items = 0;
    let kept = rebuilt(&value, 0, &mut items)?;
    state.consume_fuel(items as u64)?;
    Ok(kept.unwrap_or(value))
}

/// None where nothing in the value is a view.
fn rebuilt(value: &Value, depth: usize, items: &mut usize) -> Result<Option<Value>, Error> {
    if value.as_object().is_none() {
        return Ok(None);
    }
    if is_engines_own(value) {
        return Err(wrong("a namespace, a macro or a loop cannot be kept inside another value"));
    }
    if depth == DEPTH {
        return Err(wrong(format!("recursion limit: values are nested more than {DEPTH} deep")));
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable if value.len().is_some() => {
            let is_view = value.kind() == ValueKind::Iterable;
            let inside = each(value.try_iter()?, depth, items)?;
            Ok((is_view || inside.changed).then(|| match value.is_tuple() {
                true => Value::from(Tuple::from(inside.values)),
                false => Value::from(inside.values),
            }))
        }
        ValueKind::Map => {
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
            let (keys, values): (Vec<Value>, Vec<Value>) = pairs.into_iter().flatten().unzip();
            each(keys.iter().cloned(), depth, items)?;
            let inside = each(values.into_iter(), depth, items)?;
            Ok(inside.changed.then(|| Value::from_pairs(keys.into_iter().zip(inside.values))))
        }
        _ => Ok(None),
    }
}

struct Inside {
    values: Vec<Value>,
    changed: bool,
}

fn each(values: impl Iterator<Item = Value>, depth: usize, items: &mut usize) -> Result<Inside, Error> {
    let mut inside = Inside { values: Vec::new(), changed: false };
    for value in values {
        *items += 1;
        if *items > ITEMS {
            return Err(wrong(format!("recursion limit: a value has more than {ITEMS} items")));
        }
        let new = rebuilt(&value, depth + 1, items)?;
        inside.changed |= new.is_some();
        inside.values.push(new.unwrap_or(value));
    }
    Ok(inside)
}
