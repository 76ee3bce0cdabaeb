//! Jinja2's tests where the engine's own decide otherwise.

use minijinja::Environment;
use minijinja::value::{DynObject, ObjectRepr, Value, ValueKind};

use super::generator::DictView;

pub(super) fn add_tests(environment: &mut Environment<'_>) {
    environment.add_test("callable", is_callable);
    environment.add_test("iterable", is_iterable);
    environment.add_test("mapping", is_mapping);
    environment.add_test("sequence", is_sequence);
    for unknown_to_jinja2 in ["endingwith", "int", "safe", "startingwith"] {
        environment.remove_test(unknown_to_jinja2);
    }
}

/// Functions, macros and loops are; so is an undefined value, which fails when it is called.
fn is_callable(value: &Value) -> bool {
    let is_function = |object: &DynObject| object.repr() == ObjectRepr::Plain || is_named(object, &["Macro", "Loop"]);
    value.is_undefined() || value.as_object().is_some_and(is_function)
}

pub(super) fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| is_named(object, &["Namespace"]))
}

/// Namespaces, macros, loops and functions: values that are none of Python's containers.
pub(super) fn is_engines_own(value: &Value) -> bool {
    let is_own = |object: &DynObject| {
        object.repr() == ObjectRepr::Plain || is_named(object, &["Namespace", "Macro", "Loop", "Generator", "DictView"])
    };
    value.as_object().is_some_and(is_own)
}

/// Whether the engine's own type of an object, which it does not show, has one of these names.
fn is_named(object: &DynObject, names: &[&str]) -> bool {
    object.type_name().rsplit("::").next().is_some_and(|name| names.contains(&name))
}

/// None is not.
fn is_iterable(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::String | ValueKind::Bytes | ValueKind::Seq | ValueKind::Iterable => true,
        ValueKind::Map => is_mapping(value),
        _ => false,
    }
}

/// Dictionaries, but no namespaces, and nothing else of the engine's with names in it.
fn is_mapping(value: &Value) -> bool {
    let is_other = |object: &DynObject| is_named(object, &["Namespace", "Macro", "Loop"]);
    value.kind() == ValueKind::Map && !value.as_object().is_some_and(is_other)
}

/// Whatever has a length and takes an index: texts and dictionaries too.
fn is_sequence(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::String | ValueKind::Bytes | ValueKind::Seq => true,
        ValueKind::Iterable => value.len().is_some() && value.downcast_object_ref::<DictView>().is_none(),
        ValueKind::Map => is_mapping(value),
        _ => false,
    }
}
