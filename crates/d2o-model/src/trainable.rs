//! What trains and what stays as it is.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::decoder::{CausalLm, tensor};
use crate::error::ModelError;
use crate::linear::{Adapter, Linear};
use crate::names;

/// Which parameters train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Trainable {
    /// Every weight, the embedding included.
    All {},
    /// The last decoder layers; embedding, final norm and head stay.
    LastLayers {
        /// How many.
        layers: usize,
    },
    /// Low-rank adapters beside linear maps (LoRA, arXiv 2106.09685).
    Lora {
        /// Rank of the adapters.
        rank: usize,
        /// The adapters' output is scaled by `alpha / rank`.
        alpha: f64,
        /// Module names such as `q_proj`; empty takes all linear maps of a layer.
        #[serde(default)]
        targets: Vec<String>,
        /// Only in the last layers; absent takes all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_layers: Option<usize>,
    },
}

impl CausalLm {
    /// The same weights with what `trainable` names tracked on an autodiff device; buffers are shared.
    ///
    /// Frozen weights stay plain tensors, so nothing below the first trained layer builds a graph.
    /// `seed` decides the adapters' start: `A` uniform in ±√(3/in)·... scaled as Kaiming's, `B` zero.
    ///
    /// # Errors
    /// [`ModelError::Trainable`] if layers, rank or targets do not fit the model.
    pub fn train_on(&self, trainable: &Trainable, seed: u64, autodiff: &Device) -> Result<Self, ModelError> {
        let mut model = self.frozen();
        match trainable {
            Trainable::All {} => Ok(model.map(&mut Track)),
            Trainable::LastLayers { layers } => {
                let first = first_of(model.layers.len(), *layers)?;
                let tail = model.layers.split_off(first);
                model.layers.extend(tail.into_iter().map(|layer| layer.map(&mut Track)));
                Ok(model)
            }
            Trainable::Lora { rank, alpha, targets, last_layers } => {
                let first = first_of(model.layers.len(), last_layers.unwrap_or(model.layers.len()))?;
                model.attach(&LoraPlan { rank: *rank, alpha: *alpha, targets, first, seed }, autodiff)?;
                Ok(model)
            }
        }
    }

    /// The same weights, untracked; buffers are shared, adapters included.
    pub fn frozen(&self) -> Self {
        self.clone().map(&mut Untrack)
    }

    /// The weights without adapters, untracked: the reference of an adapter run.
    pub fn base(&self) -> Self {
        let mut model = self.frozen();
        for layer in &mut model.layers {
            for linear in names::linears_mut(layer) {
                linear.adapter = None;
            }
        }
        model
    }

    /// The weights with adapters folded in, untracked.
    pub fn merge_adapters(&self) -> Self {
        let mut model = self.frozen();
        for layer in &mut model.layers {
            for linear in names::linears_mut(layer) {
                if linear.adapter.is_some() {
                    let id = linear.weight.id;
                    *linear = Linear::new(Param::initialized(id, linear.merged()));
                }
            }
        }
        model
    }

    /// Whether any linear map has an adapter.
    pub fn has_adapters(&self) -> bool {
        self.layers.iter().any(|layer| names::linears(layer).iter().any(|linear| linear.adapter.is_some()))
    }

    /// The first layer with a tracked parameter; the number of layers if none is tracked.
    pub fn first_trainable_layer(&self) -> usize {
        let tracked = |module: &dyn Fn(&mut Tracked)| {
            let mut visitor = Tracked::default();
            module(&mut visitor);
            visitor.scalars > 0
        };
        if tracked(&|visitor| self.embedding.visit(visitor)) {
            return 0;
        }
        let first = self.layers.iter().position(|layer| tracked(&|visitor| layer.visit(visitor)));
        first.unwrap_or(self.layers.len())
    }

    /// Scalar parameters that train.
    pub fn trainable_parameters(&self) -> usize {
        let mut visitor = Tracked::default();
        self.visit(&mut visitor);
        visitor.scalars
    }

    /// Tracked parameters by id, with shape and values: what a checkpoint has to keep.
    pub fn trainable(&self) -> BTreeMap<u64, (Vec<usize>, Vec<f32>)> {
        let mut visitor = Collect(BTreeMap::new());
        self.visit(&mut visitor);
        visitor.0
    }

    /// Puts values back that [`trainable`](Self::trainable) gave for the same tracked parameters.
    ///
    /// # Errors
    /// [`ModelError::Trainable`] if parameters are missing, left over or misshapen.
    pub fn load_trainable(self, values: BTreeMap<u64, (Vec<usize>, Vec<f32>)>) -> Result<Self, ModelError> {
        let mut mapper = Restore { values, wrong: Vec::new() };
        let model = self.map(&mut mapper);
        if let Some(reason) = mapper.wrong.into_iter().next() {
            return Err(ModelError::Trainable { reason });
        }
        match mapper.values.keys().next() {
            Some(id) => Err(ModelError::Trainable { reason: format!("parameter {id:016x} is not one of the model's") }),
            None => Ok(model),
        }
    }

    fn attach(&mut self, plan: &LoraPlan<'_>, autodiff: &Device) -> Result<(), ModelError> {
        let wrong = |reason: String| Err(ModelError::Trainable { reason });
        if plan.rank == 0 {
            return wrong("rank: expected at least 1, got 0".to_owned());
        }
        let short = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
        if let Some(unknown) = plan.targets.iter().find(|target| !names::LINEARS.iter().any(|name| short(name) == *target)) {
            let known: Vec<&str> = names::LINEARS.iter().map(|name| short(name)).collect();
            return wrong(format!("targets: `{unknown}` is none of {}", known.join(", ")));
        }
        for (index, layer) in self.layers.iter_mut().enumerate().skip(plan.first) {
            for (name, linear) in names::LINEARS.iter().zip(names::linears_mut(layer)) {
                if plan.targets.is_empty() || plan.targets.iter().any(|target| target == short(name)) {
                    linear.adapter = Some(plan.adapter(&names::in_layer(index, name), linear, autodiff));
                }
            }
        }
        Ok(())
    }
}

struct LoraPlan<'a> {
    rank: usize,
    alpha: f64,
    targets: &'a [String],
    first: usize,
    seed: u64,
}

impl LoraPlan<'_> {
    /// `A` as `kaiming_uniform(a = √5)` draws it, uniform in `±1/√in`; `B` zero, so the start is the base.
    fn adapter(&self, module: &str, linear: &Linear, autodiff: &Device) -> Adapter {
        let [width, out] = linear.weight.val().dims();
        let bound = 1.0 / (width as f64).sqrt();
        let name_a = format!("{module}.lora_A.weight");
        let name_b = format!("{module}.lora_B.weight");
        let mut state = self.seed ^ names::param_id(&name_a).val();
        let values = (0..width * self.rank).map(|_| ((uniform(&mut state) * 2.0 - 1.0) * bound) as f32).collect();
        let plain = autodiff.clone().without_autodiff();
        let tracked = |tensor: Tensor<2>| tensor.autodiff().require_grad();
        let a = tracked(tensor(values, [width, self.rank], &plain));
        let b = tracked(Tensor::zeros([self.rank, out], &plain));
        Adapter {
            a: Param::initialized(names::param_id(&name_a), a),
            b: Param::initialized(names::param_id(&name_b), b),
            scale: self.alpha / self.rank as f64,
        }
    }
}

/// SplitMix64 (Steele et al., OOPSLA 2014), to a uniform number in [0, 1).
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn first_of(layers: usize, last: usize) -> Result<usize, ModelError> {
    if last == 0 || last > layers {
        let reason = format!("layers: expected 1 to {layers}, got {last}");
        return Err(ModelError::Trainable { reason });
    }
    Ok(layers - last)
}

struct Track;

impl ModuleMapper for Track {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        Param::initialized(id, param.val().inner().autodiff().require_grad())
    }
}

struct Untrack;

impl ModuleMapper for Untrack {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        Param::initialized(id, param.val().inner())
    }
}

#[derive(Default)]
struct Tracked {
    scalars: usize,
}

impl ModuleVisitor for Tracked {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if value.is_autodiff() && value.is_require_grad() {
            self.scalars += value.shape().num_elements();
        }
    }
}

struct Collect(BTreeMap<u64, (Vec<usize>, Vec<f32>)>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if value.is_autodiff() && value.is_require_grad() {
            let shape = value.dims().to_vec();
            let data = value.inner().into_data();
            self.0.insert(param.id.val(), (shape, data.iter::<f32>().collect()));
        }
    }
}

struct Restore {
    values: BTreeMap<u64, (Vec<usize>, Vec<f32>)>,
    wrong: Vec<String>,
}

impl ModuleMapper for Restore {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        let value = param.val();
        if !(value.is_autodiff() && value.is_require_grad()) {
            return param;
        }
        let dims = value.dims();
        match self.values.remove(&id.val()) {
            Some((shape, values)) if shape == dims => {
                let device = value.inner().device();
                Param::initialized(id, tensor(values, dims, &device).autodiff().require_grad())
            }
            Some((shape, _)) => {
                self.wrong.push(format!("parameter {:016x} has shape {shape:?} where {dims:?} was expected", id.val()));
                param
            }
            None => {
                self.wrong.push(format!("parameter {:016x} is missing", id.val()));
                param
            }
        }
    }
}
