//! The tensors that train: taking them out for a checkpoint, putting them back.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::decoder::CausalLm;
use crate::decoder::tracking::is_tracked;
use crate::error::ModelError;
use crate::weights::names;

impl CausalLm {
    /// The tensors that train, by Hugging Face name, in the order of the layers.
    ///
    /// The values stand as they do here: linear maps are `[in, out]`. Adapters are named after their
    /// map, as in `model.layers.0.mlp.up_proj.lora_A.weight`.
    pub fn trainable(&self) -> Vec<(String, TensorData)> {
        let mut visitor = Collect { names: self.names(), found: Vec::new() };
        self.visit(&mut visitor);
        visitor.found
    }

    /// Puts values back that [`trainable`](Self::trainable) gave for the same tracked parameters.
    ///
    /// # Errors
    /// [`ModelError::State`] naming a tensor that is missing, left over, misshapen or not f32.
    pub fn load_trainable(self, values: BTreeMap<String, TensorData>) -> Result<Self, ModelError> {
        let mut mapper = Restore { names: self.names(), values, wrong: None };
        let model = self.map(&mut mapper);
        let extra = || mapper.values.keys().next().map(|name| format!("`{name}` does not train in this run"));
        match mapper.wrong.or_else(extra) {
            Some(reason) => Err(ModelError::State { reason }),
            None => Ok(model),
        }
    }

    /// [`trainable`](Self::trainable) as the bytes of a safetensors file; the same values give the
    /// same bytes.
    ///
    /// # Errors
    /// [`ModelError::State`] if they cannot be encoded.
    pub fn trainable_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let wrong = |error: safetensors::SafeTensorError| ModelError::State { reason: error.to_string() };
        let tensors = self.trainable();
        let views = tensors
            .iter()
            .map(|(name, data)| {
                let shape = data.shape().to_vec();
                TensorView::new(safetensors::Dtype::F32, shape, data.as_bytes()).map(|view| (name, view))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(wrong)?;
        safetensors::serialize(views, None).map_err(wrong)
    }

    /// [`load_trainable`](Self::load_trainable) from what [`trainable_bytes`](Self::trainable_bytes) gave.
    ///
    /// # Errors
    /// [`ModelError::State`] for bytes that are no whole safetensors file, and as `load_trainable`.
    pub fn load_trainable_bytes(self, bytes: &[u8]) -> Result<Self, ModelError> {
        let wrong = |reason: String| ModelError::State { reason };
        let file = SafeTensors::deserialize(bytes).map_err(|error| wrong(error.to_string()))?;
        let mut values = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != safetensors::Dtype::F32 {
                return Err(wrong(format!("`{name}` is stored as {:?} where F32 was expected", view.dtype())));
            }
            let floats = crate::weights::numbers::f32s(view.data());
            values.insert(name, TensorData::new(floats, view.shape().to_vec()));
        }
        self.load_trainable(values)
    }

    /// Name of every parameter by its id.
    fn names(&self) -> HashMap<u64, String> {
        let weights = names::tensors(&self.config).into_iter().map(|spec| spec.name);
        let factors = self.linears().flat_map(|(layer, module, _)| {
            names::FACTORS.map(|factor| self.module_name(layer, &format!("{module}.{factor}.weight")))
        });
        weights.chain(factors).map(|name| (names::param_id(&name).val(), name)).collect()
    }
}

struct Collect {
    names: HashMap<u64, String>,
    found: Vec<(String, TensorData)>,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if is_tracked(&value) {
            let name = self.names[&param.id.val()].clone();
            self.found.push((name, value.without_autodiff().into_data()));
        }
    }
}

struct Restore {
    names: HashMap<u64, String>,
    values: BTreeMap<String, TensorData>,
    wrong: Option<String>,
}

impl Restore {
    fn take(&mut self, name: &str, dims: &[usize]) -> Result<TensorData, String> {
        let data = self.values.remove(name).ok_or_else(|| format!("`{name}` is missing"))?;
        if data.shape().as_slice() != dims {
            return Err(format!("`{name}` has shape {:?} where {dims:?} was expected", data.shape().to_vec()));
        }
        if data.dtype() != DType::F32 {
            return Err(format!("`{name}` is {:?} where F32 was expected", data.dtype()));
        }
        Ok(data)
    }
}

impl ModuleMapper for Restore {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        let value = param.val();
        if !is_tracked(&value) {
            return param;
        }
        let name = self.names[&id.val()].clone();
        match self.take(&name, &value.dims()) {
            Ok(data) => Param::initialized(id, Tensor::from_data(data, &value.device()).require_grad()),
            Err(reason) => {
                self.wrong.get_or_insert(reason);
                param
            }
        }
    }
}
