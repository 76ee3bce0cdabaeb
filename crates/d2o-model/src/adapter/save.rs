//! Writing adapters in PEFT's layout.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::files;
use super::sketch::Sketch;
use crate::decoder::CausalLm;
use crate::error::ModelError;
use crate::weights::names;
use crate::weights::save::encode::{self, Dtype, Encoded};
use crate::weights::save::file;
use crate::weights::save::tensors::HfTensor;

/// Writes the adapters below `dir` in PEFT's layout; `base` names the model they belong to.
///
/// The header of `adapter_model.safetensors` keeps a sketch of the base's weights, by which
/// [`load_adapter`](crate::load_adapter) notices another base of the same shapes.
///
/// # Errors
/// [`ModelError::Trainable`] if the model has no adapters, or ones of different rank or scale, which one
/// `adapter_config.json` does not describe; [`ModelError::Io`].
pub fn save_peft(model: &CausalLm, dir: &Path, base: &str) -> Result<(), ModelError> {
    let found = Adapters::of(model)?;
    let all = found.layers.len() == model.layers.len();
    // Last parts of names mean these maps in all of the layers: where that would be too many, each is named in full.
    let meant = |module: &'static str| found.targets.contains(&names::last_part(module).to_owned());
    let product = model.linears().filter(|(index, module, _)| found.layers.contains(index) && meant(module)).count();
    let apart = product != found.modules.len();
    let config = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": found.rank,
        "lora_alpha": found.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": names::stores_in_by_out(model.config.family),
        "inference_mode": true,
        "target_modules": if apart { &found.modules } else { &found.targets },
        "layers_to_transform": if all || apart { Value::Null } else { json!(found.layers) },
    });
    file::create_dir(dir)?;
    let notes = BTreeMap::from([(files::SKETCH.to_owned(), Sketch::of(model).to_string())]);
    encode::write(&dir.join(files::WEIGHTS), &found.tensors, notes)?;
    file::write_json(&dir.join(files::CONFIG), &config)
}

/// What a model has in adapters.
struct Adapters {
    tensors: Vec<Encoded>,
    rank: usize,
    alpha: f64,
    /// Last parts of the maps' names.
    targets: Vec<String>,
    /// The maps' full names.
    modules: Vec<String>,
    layers: Vec<usize>,
}

impl Adapters {
    fn of(model: &CausalLm) -> Result<Self, ModelError> {
        let refuse = |reason: &str| Err(ModelError::Trainable { reason: reason.to_owned() });
        let (tensors, targets, modules, layers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut found = Self { tensors, rank: 0, alpha: 0.0, targets, modules, layers };
        for (index, module, linear) in model.linears() {
            let Some(adapter) = &linear.adapter else { continue };
            if found.rank == 0 {
                (found.rank, found.alpha) = (adapter.rank(), adapter.alpha);
            } else if (found.rank, found.alpha) != (adapter.rank(), adapter.alpha) {
                return refuse("the adapters differ in rank or alpha; export the merged model instead");
            }
            let full = model.module_name(index, module);
            for (factor, param) in names::FACTORS.iter().zip([&adapter.a, &adapter.b]) {
                let name = files::tensor_name(&full, factor);
                found.tensors.push(Encoded::new(HfTensor::linear(name, param.val()), Dtype::F32));
            }
            found.modules.push(full);
            push_new(&mut found.targets, names::last_part(module).to_owned());
            push_new(&mut found.layers, index);
        }
        if found.tensors.is_empty() { refuse("the model has no adapters to save") } else { Ok(found) }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
