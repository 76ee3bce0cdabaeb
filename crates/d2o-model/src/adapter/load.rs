//! Reading adapters in PEFT's layout, on top of a base that is already there.

use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::tensor::Tensor;

use super::config::AdapterConfig;
use super::files::{CONFIG, SKETCH, WEIGHTS, WRAPPED, tensor_name};
use super::sketch::Sketch;
use crate::decoder::CausalLm;
use crate::decoder::linear::{Adapter, Linear};
use crate::error::ModelError;
use crate::weights::build::{HostTensor, Weights};
use crate::weights::layout::{tensor, transposed};
use crate::weights::names::{self, Names};
use crate::weights::safetensors_dir::{read_file, read_notes};

/// A base with the adapters of a directory beside its weights.
#[derive(Debug)]
pub struct LoadedAdapter {
    /// The base's weights, shared, with the adapters beside them; untracked.
    pub model: CausalLm,
    /// Name of the base that the adapters were trained on, as the directory gives it.
    pub base: Option<String>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

/// Whether `dir` is an adapter and not a model.
pub fn is_adapter(dir: &Path) -> bool {
    dir.join(CONFIG).exists() && !dir.join("config.json").exists()
}

/// Puts the LoRA adapters of a PEFT directory beside the weights of `base`; they are not folded in
/// ([`CausalLm::merge_adapters`] does that).
///
/// # Errors
/// [`ModelError::OtherBase`] if the factors do not fit the base's maps, or the directory keeps a sketch of
/// another base's weights; [`ModelError::Unsupported`] for an option that is not computed here;
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
    let mut factors = Factors { path: &path, config: &config, tensors: read_file(&path)? };
    let mut model = base.frozen();
    let names = Names::of(model.config.family);
    for (index, module, linear) in model.linears_mut() {
        factors.attach(&names.in_layer(index, module), linear)?;
    }
    factors.finish()?;
    Ok(LoadedAdapter { model, base: config.base, files: vec![dir.join(CONFIG), path] })
}

fn nothing(dir: &Path) -> ModelError {
    let pickled = dir.join("adapter_model.bin");
    if pickled.exists() {
        let expected = format!("{WEIGHTS}; pickled weights can run code when opened and are not read");
        return ModelError::NoAdapter { path: pickled, expected };
    }
    let missing = if dir.join(CONFIG).exists() { WEIGHTS } else { CONFIG };
    ModelError::NoAdapter { path: dir.to_path_buf(), expected: missing.to_owned() }
}

/// The factors of a file that have not found their map yet.
struct Factors<'a> {
    path: &'a Path,
    config: &'a AdapterConfig,
    tensors: Weights,
}

impl Factors<'_> {
    /// Takes out the two factors of `module`, if the file has them.
    fn attach(&mut self, module: &str, linear: &mut Linear) -> Result<(), ModelError> {
        let [name_a, name_b] = names::FACTORS.map(|factor| tensor_name(module, factor));
        let (a, b) = match (self.tensors.remove(&name_a), self.tensors.remove(&name_b)) {
            (None, None) => return Ok(()),
            (Some(a), Some(b)) => (a, b),
            (None, Some(_)) => return Err(self.missing(name_a)),
            (Some(_), None) => return Err(self.missing(name_b)),
        };
        let [input, out] = linear.weight.val().dims();
        let rank = self.config.rank_of(self.path, &name_a, &a.shape)?;
        let device = linear.weight.val().device();
        let factor = |name: &str, HostTensor { shape, values }: HostTensor, expected: [usize; 2]| {
            if shape != expected {
                return Err(self.other_base(name, &shape, &expected));
            }
            let [rows, columns] = expected;
            let id = names::param_id(name.trim_start_matches(WRAPPED));
            let values: Tensor<2> = tensor(transposed(&values, rows, columns), [columns, rows], &device);
            Ok(Param::initialized(id, values))
        };
        let (a, b) = (factor(&name_a, a, [rank, input])?, factor(&name_b, b, [out, rank])?);
        linear.adapter = Some(Adapter { a, b, alpha: self.config.alpha_of(rank) });
        Ok(())
    }

    fn missing(&self, name: String) -> ModelError {
        ModelError::MissingTensor { path: self.path.to_path_buf(), name }
    }

    fn other_base(&self, name: &str, found: &[usize], expected: &[usize]) -> ModelError {
        let reason = format!("tensor `{name}` has shape {found:?} where this base needs {expected:?}");
        ModelError::OtherBase { path: self.path.to_path_buf(), reason, named: self.config.base.clone() }
    }

    /// Refuses what no map of the base took.
    fn finish(self) -> Result<(), ModelError> {
        match self.tensors.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                let reason = format!("tensor `{name}` belongs to no linear map of this base's layers");
                Err(ModelError::OtherBase { path: self.path.to_path_buf(), reason, named: self.config.base.clone() })
            }
        }
    }
}
