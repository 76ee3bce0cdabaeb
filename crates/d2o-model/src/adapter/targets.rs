//! Which maps an adapter's configuration says that it adapts, as PEFT reads it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::config::refused;
use super::expressions::is_whole_match;
use crate::error::ModelError;

/// Maps outside the layers, which are not adapted here.
const OUTSIDE: [&str; 4] = ["lm_head", "embed_tokens", "wte", "wpe"];
/// What stands for every linear map but the head.
const ALL_LINEAR: &str = "all-linear";

/// The fields that choose maps.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Targets {
    target_modules: Option<OneOrMany<String>>,
    exclude_modules: Option<OneOrMany<String>>,
    layers_to_transform: Option<OneOrMany<usize>>,
    layers_pattern: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl Targets {
    /// Refuses what chooses maps in a way that is not followed here.
    pub(super) fn check(&self, path: &Path) -> Result<(), ModelError> {
        let names = |names: &Option<OneOrMany<String>>| match names {
            Some(OneOrMany::Many(names)) => names.clone(),
            _ => Vec::new(),
        };
        let outside = |name: &String| OUTSIDE.contains(&name.rsplit('.').next().unwrap_or(name));
        match names(&self.target_modules).iter().find(|name| outside(name)) {
            Some(name) => {
                Err(refused(path, "target_modules", &format!("a list with `{name}`, a map outside the layers")))
            }
            None => Ok(()),
        }
    }

    /// Whether the map `module` (`model.layers.3.mlp.up_proj`) of layer `layer` is to be adapted; `None` if the file
    /// does not say so in a way that is read, and the tensors alone say it.
    ///
    /// An expression speaks of the names that the model had where it was trained, wrappers included: that it does not
    /// mean a map here says nothing.
    pub(super) fn names(&self, layer: usize, module: &str) -> Option<bool> {
        if self.has_layers_pattern() {
            return None;
        }
        let listed = match &self.target_modules {
            Some(OneOrMany::Many(names)) if !names.is_empty() => names.iter().any(|name| is_called(module, name)),
            Some(OneOrMany::One(name)) if name == ALL_LINEAR => true,
            Some(OneOrMany::One(expression)) => is_whole_match(expression, module).filter(|&is| is)?,
            _ => return None,
        };
        let excluded = match &self.exclude_modules {
            Some(OneOrMany::Many(names)) => names.iter().any(|name| is_called(module, name)),
            Some(OneOrMany::One(expression)) => is_whole_match(expression, module)?,
            None => false,
        };
        let in_layer = match &self.layers_to_transform {
            Some(OneOrMany::One(only)) => *only == layer,
            // An empty list restricts nothing.
            Some(OneOrMany::Many(layers)) => layers.is_empty() || layers.contains(&layer),
            None => true,
        };
        Some(listed && !excluded && in_layer)
    }

    /// Whether layers are found by a pattern of their names.
    fn has_layers_pattern(&self) -> bool {
        self.layers_pattern.as_ref().is_some_and(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        })
    }

    /// The targets as the file has them, for messages.
    pub(super) fn described(&self) -> Option<String> {
        match &self.target_modules {
            Some(OneOrMany::Many(names)) if !names.is_empty() => {
                Some(names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
            }
            Some(OneOrMany::One(name)) => Some(format!("`{name}`")),
            _ => None,
        }
    }
}

/// Whether a name of a list means this module: its whole name, or the end of it.
fn is_called(module: &str, name: &str) -> bool {
    module.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(fields: Value, layer: usize, module: &str) -> Option<bool> {
        let targets: Targets = serde_json::from_value(fields).unwrap();
        targets.names(layer, &format!("model.layers.{layer}.{module}"))
    }

    #[test]
    fn a_list_names_ends_of_names_and_layers() {
        let list = json!({"target_modules": ["q_proj", "mlp.up_proj"], "layers_to_transform": [1]});
        assert_eq!(chosen(list.clone(), 1, "self_attn.q_proj"), Some(true));
        assert_eq!(chosen(list.clone(), 1, "mlp.up_proj"), Some(true));
        assert_eq!(chosen(list.clone(), 0, "self_attn.q_proj"), Some(false));
        assert_eq!(chosen(list, 1, "self_attn.k_proj"), Some(false));
        assert_eq!(chosen(json!({"target_modules": ["proj"]}), 1, "self_attn.k_proj"), Some(false));
        let one = json!({"target_modules": ["model.layers.1.self_attn.q_proj"], "layers_to_transform": []});
        assert_eq!(
            (chosen(one.clone(), 1, "self_attn.q_proj"), chosen(one, 0, "self_attn.q_proj")),
            (Some(true), Some(false))
        );
        let all = json!({"target_modules": "all-linear", "layers_to_transform": 2, "exclude_modules": ["up_proj"]});
        assert_eq!(chosen(all.clone(), 2, "mlp.down_proj"), Some(true));
        assert_eq!(chosen(all.clone(), 2, "mlp.up_proj"), Some(false));
        assert_eq!(chosen(all, 1, "mlp.down_proj"), Some(false));
    }

    #[test]
    fn expressions_name_what_they_mean_and_silence_nothing() {
        let expression = json!({"target_modules": r".*\.q_proj"});
        assert_eq!(chosen(expression.clone(), 0, "self_attn.q_proj"), Some(true));
        assert_eq!(chosen(expression, 0, "self_attn.k_proj"), None);
        let without = json!({"target_modules": "all-linear", "exclude_modules": r".*layers\.0\..*"});
        assert_eq!(chosen(without.clone(), 0, "self_attn.q_proj"), Some(false));
        assert_eq!(chosen(without, 1, "self_attn.q_proj"), Some(true));
        for fields in [
            json!({"target_modules": "("}),
            json!({"target_modules": ["q_proj"], "layers_pattern": "blocks"}),
            json!({"target_modules": null}),
            json!({}),
        ] {
            assert_eq!(chosen(fields, 0, "self_attn.q_proj"), None);
        }
    }

    #[test]
    fn maps_outside_the_layers_are_refused() {
        let targets: Targets = serde_json::from_value(json!({"target_modules": ["q_proj", "lm_head"]})).unwrap();
        let error = targets.check(Path::new("adapter_config.json")).unwrap_err();
        assert!(error.to_string().contains("`target_modules` is a list with `lm_head`"), "{error}");
    }
}
