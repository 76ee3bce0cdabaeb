//! Functions that every template can call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use minijinja::value::{Kwargs, Object, ObjectRepr, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, functions};

use super::arguments::{Arguments, bind, integer, split, values, wrong};
use super::python_text::str_of;
use super::values::kept;

/// Begins what `raise_exception` says, so that a template's own refusal is told from a fault in it.
pub(crate) const RAISED: &str = "\0";

/// Where a `range` may begin and end at the farthest.
const FARTHEST: u64 = 1 << 40;

pub(super) fn add_globals(environment: &mut Environment<'_>) {
    environment.remove_global("debug");
    environment.add_function("cycler", |arguments: Arguments| match values(arguments) {
        items if items.is_empty() => Err(wrong("cycler takes at least one item")),
        items => Ok(Value::from_object(Cycler { items, at: AtomicUsize::new(0) })),
    });
    environment.add_function("dict", |arguments: Arguments| dict(&values(arguments)));
    environment.add_function("joiner", |arguments: Arguments| {
        let [separator] = bind(["sep"], &values(arguments))?;
        let separator = separator.unwrap_or_else(|| Value::from(", "));
        Ok::<_, Error>(Value::from_object(Joiner { separator, used: AtomicBool::new(false) }))
    });
    environment.add_function("namespace", |state: &State, arguments: Arguments| namespace(state, &values(arguments)));
    environment.add_function("range", |arguments: Arguments| {
        let [start, stop, step] = bind(["start", "stop", "step"], &values(arguments))?;
        let bound = |value: Option<Value>| value.as_ref().map(integer).transpose();
        let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?);
        let far = |number: Option<i64>| number.is_some_and(|number| number.unsigned_abs() > FARTHEST);
        if far(start) || far(stop) || far(step) {
            return Err(wrong("range is given too large a number"));
        }
        let size = |number: i64| number as isize;
        functions::range(size(start.ok_or_else(|| wrong("range takes a number"))?), stop.map(size), step.map(size))
    });
    environment.add_function("raise_exception", |message: &Value| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, RAISED.to_owned() + &str_of(message)?))
    });
}

/// Python's `dict`: of a dictionary or of pairs, and of names.
fn dict(arguments: &[Value]) -> Result<Value, Error> {
    let (positional, named) = split(arguments);
    let mut pairs: Vec<(Value, Value)> = match positional {
        [] => Vec::new(),
        [map] if map.kind() == ValueKind::Map => {
            map.as_object().and_then(|map| map.try_iter_pairs()).into_iter().flatten().collect()
        }
        [list] if !list.is_none() && list.as_str().is_none() => {
            let pair = |item: Value| match item.len() {
                Some(2) => Ok((item.get_item_by_index(0)?, item.get_item_by_index(1)?)),
                _ => Err(wrong("dict takes a dictionary or pairs")),
            };
            list.try_iter()?.map(pair).collect::<Result<_, _>>()?
        }
        _ => return Err(wrong("dict takes a dictionary or pairs")),
    };
    pairs.extend(named_pairs(named.as_ref())?);
    Ok(Value::from_pairs(pairs))
}

/// A namespace; names that begin with `_` are refused, as transformers does.
fn namespace(state: &State, arguments: &[Value]) -> Result<Value, Error> {
    let map = dict(arguments)?;
    let pairs = map.as_object().and_then(|map| map.try_iter_pairs());
    for (key, value) in pairs.into_iter().flatten() {
        kept(state, value, Some(true))?;
        if key.as_str().is_none_or(|key| key.starts_with('_')) {
            return Err(wrong(format!("a namespace cannot hold `{}`", str_of(&key)?)));
        }
    }
    functions::namespace(Some(kept(state, map, None)?.into()))
}

fn named_pairs(named: Option<&Kwargs>) -> Result<Vec<(Value, Value)>, Error> {
    let pair = |named: &Kwargs, name: &str| Ok((Value::from(name), named.peek(name)?));
    named.map_or(Ok(Vec::new()), |named| named.args().map(|name| pair(named, name)).collect())
}

/// Nothing at the first call, the separator from then on.
#[derive(Debug)]
struct Joiner {
    separator: Value,
    used: AtomicBool,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State, arguments: &[Value]) -> Result<Value, Error> {
        let [] = bind([], arguments)?;
        let used = self.used.swap(true, Ordering::Relaxed);
        Ok(if used { self.separator.clone() } else { Value::from("") })
    }
}

/// Items in turn.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

impl Cycler {
    fn current(&self) -> Value {
        self.items[self.at.load(Ordering::Relaxed) % self.items.len()].clone()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("current")).then(|| self.current())
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        let [] = bind([], arguments)?;
        match method {
            "next" => {
                let item = self.current();
                self.at.fetch_add(1, Ordering::Relaxed);
                Ok(item)
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(ErrorKind::UnknownMethod.into()),
        }
    }
}
