//! Methods of lists, tuples and dictionaries.

use minijinja::value::{Tuple, Value};
use minijinja::{Error, State};

use super::super::arguments::{bind, wrong};
use super::super::generator::DictView;

/// None for a method that dictionaries do not have, or not here.
pub(super) fn of_map(map: &Value, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let Some(object) = map.as_object() else { return Ok(None) };
    let pairs = || object.try_iter_pairs().into_iter().flatten();
    Ok(Some(match method {
        "get" => {
            let [key, default] = bind(["key", "default"], arguments)?;
            let key = key.ok_or_else(|| wrong("get takes a key"))?;
            object.get_value(&key).or(default).unwrap_or_else(|| Value::from(()))
        }
        "items" => {
            let [] = bind([], arguments)?;
            DictView::value("dict_items", pairs().map(|(key, value)| Value::from(Tuple::from([key, value]))).collect())
        }
        "keys" => {
            let [] = bind([], arguments)?;
            DictView::value("dict_keys", pairs().map(|(key, _)| key).collect())
        }
        "values" => {
            let [] = bind([], arguments)?;
            DictView::value("dict_values", pairs().map(|(_, value)| value).collect())
        }
        "copy" => {
            let [] = bind([], arguments)?;
            map.clone()
        }
        _ => return Ok(None),
    }))
}

/// None for a method that lists and tuples do not have, or not here.
pub(super) fn of_list(state: &State, list: &Value, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    if list.len().is_none() || list.downcast_object_ref::<DictView>().is_some() {
        return Ok(None);
    }
    Ok(Some(match method {
        "count" | "index" => {
            let [value] = bind(["value"], arguments)?;
            let value = value.ok_or_else(|| wrong(format!("{method} takes a value")))?;
            state.consume_fuel(list.len().unwrap_or_default() as u64)?;
            let mut items = list.try_iter()?;
            if method == "count" {
                Value::from(items.filter(|item| *item == value).count())
            } else {
                let position = items.position(|item| item == value);
                Value::from(position.ok_or_else(|| wrong("the value is not in the list"))?)
            }
        }
        "copy" if !list.is_tuple() => {
            let [] = bind([], arguments)?;
            list.clone()
        }
        _ => return Ok(None),
    }))
}
