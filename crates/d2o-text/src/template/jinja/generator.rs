//! Python's generators and dictionary views: what can be gone through, but is no list.

use std::fmt;
use std::sync::{Arc, Mutex};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueIter};
use minijinja::{Environment, Error, State, filters};

use super::arguments::{Arguments, values};

/// Items that can be gone through once. It is always true, has no length, and is no sequence.
pub(super) struct Generator(Mutex<ValueIter>);

impl fmt::Debug for Generator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("<generator object>")
    }
}

impl Object for Generator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(Remaining(Arc::clone(self))))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        None
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// What a generator still holds; loops know how much that is.
struct Remaining(Arc<Generator>);

impl Iterator for Remaining {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        self.0.0.lock().ok()?.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.0.lock().map_or((0, None), |items| items.size_hint())
    }
}

/// A dictionary's keys, values or pairs.
#[derive(Debug)]
pub(super) struct DictView {
    name: &'static str,
    items: Vec<Value>,
}

impl DictView {
    pub(super) fn value(name: &'static str, items: Vec<Value>) -> Value {
        Value::from_object(Self { name, items })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

impl Object for DictView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let view = Arc::clone(self);
        Enumerator::Iter(Box::new((0..view.items.len()).map(move |index| view.items[index].clone())))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items.len())
    }
}

/// Makes generators of what those filters give that are generators in Jinja2.
pub(super) fn add_generators(environment: &mut Environment<'_>) {
    environment.add_filter("\0batch", filters::batch);
    environment.add_filter("\0items", filters::items);
    environment.add_filter("\0map", filters::map);
    environment.add_filter("\0reject", filters::reject);
    environment.add_filter("\0rejectattr", filters::rejectattr);
    environment.add_filter("\0reverse", filters::reverse);
    environment.add_filter("\0select", filters::select);
    environment.add_filter("\0selectattr", filters::selectattr);
    environment.add_filter("\0slice", filters::slice);
    for name in ["batch", "items", "map", "reject", "rejectattr", "reverse", "select", "selectattr", "slice"] {
        // No template can spell this name.
        let hidden = format!("\0{name}");
        environment.add_filter(name, move |state: &mut State, arguments: Arguments| {
            generator(state.apply_filter(&hidden, &values(arguments))?)
        });
    }
}

/// A generator over a list; a text stays one.
pub(super) fn generator(list: Value) -> Result<Value, Error> {
    match list.as_str() {
        Some(_) => Ok(list),
        None => Ok(Value::from_object(Generator(Mutex::new(list.try_iter()?)))),
    }
}
