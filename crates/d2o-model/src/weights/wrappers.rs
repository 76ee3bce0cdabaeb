//! Names that other tools have put something in front of: compiled, distributed and wrapped models.

use std::path::Path;

use super::build::Weights;
use super::names::Names;
use crate::error::ModelError;

/// Modules that wrap others without weights of their own: `torch.compile`, data-parallel training, FSDP,
/// activation checkpointing, Lightning.
const WRAPPERS: [&str; 5] =
    ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"];

/// Parts of names by which the weights of an adapter are known.
const ADAPTED: [&str; 5] = ["lora_A", "lora_B", "lora_embedding_A", "lora_magnitude_vector", "base_layer"];

/// A name without wrappers, at whatever depth they stand.
pub(crate) fn without_wrappers(name: &str) -> String {
    let kept: Vec<&str> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
    kept.join(".")
}

/// The weights under the names of the plain model.
///
/// Where the whole model stands below another module, what is in front of it is left out as well.
///
/// # Errors
/// [`ModelError::Tensor`] for two tensors that come to the same name, and for an adapter's weights among the model's.
pub(crate) fn unwrapped(path: &Path, names: &Names, weights: Weights) -> Result<Weights, ModelError> {
    if let Some(name) = weights.keys().find(|name| name.split('.').any(|part| ADAPTED.contains(&part))) {
        return Err(ModelError::Tensor {
            path: path.to_path_buf(),
            name: name.clone(),
            problem: "is of an adapter that was saved together with its base".to_owned(),
            remedy: "merge the two where they were trained, and save the result: PEFT's \
                     merge_and_unload().save_pretrained(DIR)",
        });
    }
    let norm = format!("{}.weight", names.final_norm);
    let plain = |name: &str| {
        let name = without_wrappers(name);
        // The outermost module, if the model stands inside one, ends before its final normalisation's name.
        name.strip_suffix(&norm).filter(|prefix| prefix.ends_with('.')).map(str::to_owned)
    };
    let outer = if weights.contains_key(&norm) { None } else { weights.keys().find_map(|name| plain(name)) };
    let mut renamed = Weights::new();
    let mut from = std::collections::BTreeMap::new();
    for (name, tensor) in weights {
        let plain = without_wrappers(&name);
        let plain = outer.as_deref().and_then(|outer| plain.strip_prefix(outer)).map_or(plain.clone(), str::to_owned);
        if let Some(before) = from.insert(plain.clone(), name.clone()) {
            return Err(ModelError::Tensor {
                path: path.to_path_buf(),
                name,
                problem: format!("and `{before}` are both `{plain}` without their wrappers"),
                remedy: "save the model alone, without the module that wraps it",
            });
        }
        renamed.insert(plain, tensor);
    }
    Ok(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Family;
    use crate::weights::build::HostTensor;

    fn renamed(names: &[&str]) -> Result<Vec<String>, String> {
        let tensor = |name: &&str| ((*name).to_owned(), HostTensor { shape: vec![1], values: vec![0.0] });
        let weights = names.iter().map(tensor).collect();
        let renamed =
            unwrapped(Path::new("m"), Names::of(Family::Llama), weights).map_err(|error| error.to_string())?;
        Ok(renamed.into_keys().collect())
    }

    #[test]
    fn wrappers_are_left_out_at_any_depth() {
        let plain = ["lm_head.weight", "model.layers.0.mlp.up_proj.weight", "model.norm.weight"];
        let depths: [[&str; 3]; 5] = [
            plain,
            ["_orig_mod.lm_head.weight", "_orig_mod.model.layers.0.mlp.up_proj.weight", "_orig_mod.model.norm.weight"],
            ["module.lm_head.weight", "module.model.layers.0._orig_mod.mlp.up_proj.weight", "module.model.norm.weight"],
            ["model.lm_head.weight", "model.model.layers.0.mlp.up_proj.weight", "model.model.norm.weight"],
            [
                "base_model.model.lm_head.weight",
                "base_model.model.model.layers.0.mlp.up_proj.weight",
                "base_model.model.model.norm.weight",
            ],
        ];
        for names in depths {
            assert_eq!(renamed(&names).unwrap(), plain, "{names:?}");
        }
    }

    #[test]
    fn one_name_is_for_one_tensor_and_adapters_are_told() {
        let twice = renamed(&["model.norm.weight", "module.model.norm.weight"]).unwrap_err();
        assert!(twice.contains("`module.model.norm.weight` and `model.norm.weight` are both"), "{twice}");
        for name in
            ["model.layers.0.mlp.up_proj.base_layer.weight", "a.model.layers.0.mlp.up_proj.lora_A.default.weight"]
        {
            let adapted = renamed(&["model.norm.weight", name]).unwrap_err();
            assert!(adapted.contains(&format!("tensor `{name}` is of an adapter")), "{adapted}");
        }
    }
}
