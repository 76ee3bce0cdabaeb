//! Arguments bound to parameters, as Python does: by position or by name.

use minijinja::value::{Kwargs, Rest, Value, ValueOrKwargs};
use minijinja::{Error, ErrorKind};

/// Whatever a filter or function is called with, names included.
pub(super) type Arguments = Rest<ValueOrKwargs>;

/// The arguments in a list; named ones are its last element.
pub(super) fn values(arguments: Arguments) -> Vec<Value> {
    arguments.0.into_iter().map(ValueOrKwargs::into_value).collect()
}

/// What each parameter is given, none where it is left out.
pub(super) fn bind<const N: usize>(names: [&str; N], arguments: &[Value]) -> Result<[Option<Value>; N], Error> {
    let (positional, named) = split(arguments);
    if positional.len() > N {
        return Err(wrong(format!("takes at most {N} arguments, not {}", positional.len())));
    }
    let mut bound = [const { None }; N];
    for (slot, value) in bound.iter_mut().zip(positional) {
        *slot = Some(value.clone());
    }
    let Some(named) = named else { return Ok(bound) };
    for name in named.args() {
        let Some(index) = names.iter().position(|known| *known == name) else {
            return Err(wrong(format!("takes no argument `{name}`")));
        };
        if bound[index].replace(named.peek(name)?).is_some() {
            return Err(wrong(format!("is given `{name}` twice")));
        }
    }
    Ok(bound)
}

/// Positional arguments, and those with a name.
pub(super) fn split(arguments: &[Value]) -> (&[Value], Option<Kwargs>) {
    match arguments.split_last().filter(|(last, _)| last.is_kwargs()) {
        Some((last, positional)) => (positional, Kwargs::try_from(last.clone()).ok()),
        None => (arguments, None),
    }
}

/// A text that has to be one.
pub(super) fn text(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| wrong(format!("expected a text, not {}", value.kind())))
}

/// A whole number; booleans count as 0 and 1.
pub(super) fn integer(value: &Value) -> Result<i64, Error> {
    i64::try_from(value.clone()).map_err(|_| wrong(format!("expected a whole number, not {}", value.kind())))
}

/// Whether an option is given and true.
pub(super) fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}

pub(super) fn wrong(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
