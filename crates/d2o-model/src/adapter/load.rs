//! Reading adapters in PEFT's layout, on top of a base that is already there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::tensor::Tensor;

use super::config::AdapterConfig;
use super::files::{CONFIG, SKETCH, WEIGHTS, WRAPPED};
use super::sketch::Sketch;
use crate::decoder::CausalLm;
use crate::decoder::linear::{Adapter, Linear};
use crate::error::ModelError;
use crate::weights::build::{HostTensor, Weights};
use crate::weights::layout::{tensor, transposed};
use crate::weights::names::{self, Names};
use crate::weights::safetensors_dir::{read_file, read_notes};
use crate::weights::wrappers::without_wrappers;

/// A base with the adapters of a directory beside its weights.
#[derive(Debug)]
pub struct LoadedAdapter {
    /// The base's weights, shared, with the adapters beside them; untracked.
    pub model: CausalLm,
    /// Name of the base that the adapters were trained on, as the directory gives it.
    pub base: Option<String>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// What is odd about the adapter and was understood nevertheless.
    pub warnings: Vec<String>,
}

/// Whether `dir` holds an adapter, beside a model or alone.
pub fn has_adapter(dir: &Path) -> bool {
    dir.join(CONFIG).exists()
}

/// Whether `dir` is an adapter and not a model.
pub fn is_adapter(dir: &Path) -> bool {
    has_adapter(dir) && !dir.join("config.json").exists()
}

/// The base that the adapter in `dir` names, if it names one.
pub fn named_base(dir: &Path) -> Option<String> {
    AdapterConfig::from_file(&dir.join(CONFIG)).ok()?.base
}

/// Puts the LoRA adapters of a PEFT directory beside the weights of `base`; they are not folded in
/// ([`CausalLm::merge_adapters`] does that).
///
/// # Errors
/// [`ModelError::OtherBase`] if the factors do not fit the base's maps, or the directory keeps a sketch of
/// another base's weights; [`ModelError::Adapter`] for factors that its configuration names and that are not there,
/// or the other way round; [`ModelError::AdapterOption`] for an option that is not computed here;
/// [`ModelError::NoAdapter`] for absent and pickled ones; and as [`load`](crate::load) for damaged files.
pub fn load_adapter(base: &CausalLm, dir: &Path) -> Result<LoadedAdapter, ModelError> {
    if base.has_adapters() {
        let reason = "the model has adapters already; merge them first".to_owned();
        return Err(ModelError::Trainable { reason });
    }
    let path = dir.join(WEIGHTS);
    if !dir.join(CONFIG).exists() || !path.exists() {
        return Err(nothing(dir));
    }
    let config = AdapterConfig::from_file(&dir.join(CONFIG))?;
    if let Some(theirs) = read_notes(&path)?.remove(SKETCH) {
        Sketch::of(base).refuse_other(&path, &theirs)?;
    }
    let mut model = base.frozen();
    let names = Names::of(model.config.family);
    let tensors = plain_names(&path, names, read_file(&path)?)?;
    let mut factors = Factors { path: &path, config: &config, tensors, effective: false };
    factors.refuse_none()?;
    for (index, module, linear) in model.linears_mut() {
        factors.attach(index, &names.in_layer(index, module), linear)?;
    }
    let effective = factors.effective;
    factors.finish()?;
    let idle = || format!("{}: every `lora_B` is zero, so the adapter changes nothing", path.display());
    let warnings = (!effective).then(idle).into_iter().collect();
    Ok(LoadedAdapter { model, base: config.base, files: vec![dir.join(CONFIG), path], warnings })
}

fn nothing(dir: &Path) -> ModelError {
    let pickled = dir.join("adapter_model.bin");
    if pickled.exists() {
        let expected = format!("{WEIGHTS}; pickled weights can run code when opened and are not read");
        return ModelError::NoAdapter { path: pickled, expected };
    }
    let missing = if dir.join(CONFIG).exists() { WEIGHTS } else { CONFIG };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut below: Vec<String> = entries
        .filter(|entry| entry.path().join(CONFIG).exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    below.sort();
    let expected = match below.last() {
        Some(name) => format!("{missing}; there is an adapter in {name} below it"),
        None => missing.to_owned(),
    };
    ModelError::NoAdapter { path: dir.to_path_buf(), expected }
}

/// The tensors under the names `….lora_A.weight` of the plain model's maps, whatever PEFT's wrappers, other wrappers
/// and the adapter's own name (`….lora_A.default.weight`) put into them.
///
/// # Errors
/// [`ModelError::Adapter`] for two tensors that come to the same name, as of two adapters in one file.
fn plain_names(path: &Path, names: &Names, tensors: Weights) -> Result<Weights, ModelError> {
    let mut plain = Weights::new();
    let mut from = BTreeMap::new();
    for (name, tensor) in tensors {
        let short = without_wrappers(&name);
        let short = short.strip_prefix(WRAPPED).unwrap_or(&short);
        let short = without_adapter_name(short);
        // An adapter of the model without its head.
        let short = if short.starts_with(names.base) { short } else { format!("{}{short}", names.base) };
        if let Some(before) = from.insert(short.clone(), name.clone()) {
            let reason = format!("tensors `{before}` and `{name}` are both for `{short}`: the file holds two adapters");
            return Err(ModelError::Adapter { path: path.to_path_buf(), reason });
        }
        plain.insert(short, tensor);
    }
    Ok(plain)
}

/// `a.lora_A.default.weight` as `a.lora_A.weight`.
fn without_adapter_name(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        [module @ .., factor, _, "weight"] if names::FACTORS.contains(factor) => {
            format!("{}.{factor}.weight", module.join("."))
        }
        _ => name.to_owned(),
    }
}

/// The factors of a file that have not found their map yet.
struct Factors<'a> {
    path: &'a Path,
    config: &'a AdapterConfig,
    tensors: Weights,
    /// Whether any factor so far changes what its map computes.
    effective: bool,
}

impl Factors<'_> {
    fn refuse_none(&self) -> Result<(), ModelError> {
        if !self.tensors.is_empty() {
            return Ok(());
        }
        let targets = self.config.targets.described();
        let named = targets.map_or_else(String::new, |targets| format!(", though {CONFIG} names {targets}"));
        Err(self.mismatch(format!("the adapter holds no factors{named}")))
    }

    /// Takes out the two factors of `module`, if the file has them: it must have those that the configuration names.
    fn attach(&mut self, layer: usize, module: &str, linear: &mut Linear) -> Result<(), ModelError> {
        let [name_a, name_b] = names::FACTORS.map(|factor| format!("{module}.{factor}.weight"));
        let named = self.config.targets.names(layer, module);
        let (a, b) = match (self.tensors.remove(&name_a), self.tensors.remove(&name_b)) {
            (None, None) if named == Some(true) => {
                return Err(self.mismatch(format!("the adapter has no factors for `{module}`, which {CONFIG} names")));
            }
            (None, None) => return Ok(()),
            (Some(a), Some(b)) => (a, b),
            (None, Some(_)) => return Err(self.missing(&name_a)),
            (Some(_), None) => return Err(self.missing(&name_b)),
        };
        if named == Some(false) {
            return Err(self.mismatch(format!("the adapter has factors for `{module}`, which {CONFIG} does not name")));
        }
        let [input, out] = linear.weight.val().dims();
        let rank = self.config.rank_of(self.path, module, &name_a, &a.shape)?;
        let device = linear.weight.val().device();
        let factor = |name: &str, HostTensor { shape, values }: HostTensor, expected: [usize; 2]| {
            if shape != expected {
                return Err(self.other_base(name, &shape, &expected));
            }
            let [rows, columns] = expected;
            let values: Tensor<2> = tensor(transposed(&values, rows, columns), [columns, rows], &device);
            Ok(Param::initialized(names::param_id(name), values))
        };
        let effective = b.values.iter().any(|&value| value != 0.0);
        let (a, b) = (factor(&name_a, a, [rank, input])?, factor(&name_b, b, [out, rank])?);
        self.effective |= effective;
        linear.adapter = Some(Adapter { a, b, alpha: self.config.alpha_of(module, rank) });
        Ok(())
    }

    fn mismatch(&self, reason: String) -> ModelError {
        ModelError::Adapter { path: self.path.to_path_buf(), reason }
    }

    fn missing(&self, name: &str) -> ModelError {
        self.mismatch(format!("tensor `{WRAPPED}{name}` is missing"))
    }

    fn other_base(&self, name: &str, found: &[usize], expected: &[usize]) -> ModelError {
        let reason = format!("tensor `{WRAPPED}{name}` has shape {found:?} where this base needs {expected:?}");
        ModelError::OtherBase { path: self.path.to_path_buf(), reason, named: self.config.base.clone() }
    }

    /// Refuses what no map of the base took.
    fn finish(self) -> Result<(), ModelError> {
        let Some(name) = self.tensors.keys().next() else { return Ok(()) };
        let factor = names::FACTORS.iter().any(|factor| name.ends_with(&format!(".{factor}.weight")));
        if !factor {
            return Err(self.mismatch(format!("tensor `{WRAPPED}{name}` is no factor of a linear map in the layers")));
        }
        let reason = format!("tensor `{WRAPPED}{name}` belongs to no linear map of this base's layers");
        Err(ModelError::OtherBase { path: self.path.to_path_buf(), reason, named: self.config.base.clone() })
    }
}
