//! What trains and what stays as it is.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::lora::LoraPlan;
use crate::decoder::linear::Linear;
use crate::decoder::{CausalLm, Precision};
use crate::error::ModelError;

/// Which parameters train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Trainable {
    /// Every weight, the embedding included.
    // Braces, so that serde refuses fields beside the tag.
    All {},
    /// The last decoder layers; embedding, final norm and head stay.
    LastLayers {
        /// How many, at least 1.
        layers: usize,
    },
    /// Low-rank adapters beside linear maps (LoRA, arXiv 2106.09685).
    Lora {
        /// Rank of the adapters, at least 1.
        rank: usize,
        /// The adapters' output is scaled by `alpha / rank`; finite and not zero.
        alpha: f64,
        /// Module names such as `q_proj` (fused families: `qkv_proj`, `c_attn`); empty takes all linear maps of
        /// a layer.
        #[serde(default)]
        targets: Vec<String>,
        /// Only in the last layers, at least 1; absent takes all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_layers: Option<usize>,
    },
}

impl CausalLm {
    /// The same weights with what `trainable` names tracked on the device `autodiff`.
    ///
    /// Frozen weights stay plain tensors that share their buffers with `self`, so nothing below the
    /// first trained layer builds a graph. Adapters start with `A` uniform in `±1/√in`, which is
    /// Kaiming's rule as PEFT applies it, drawn from `seed`, and `B` zero: the first forward equals
    /// the base.
    ///
    /// # Errors
    /// [`ModelError::Trainable`] if layers, rank, alpha or targets do not fit the model, or the model
    /// has adapters already.
    pub fn train_on(&self, trainable: &Trainable, seed: u64, autodiff: &Device) -> Result<Self, ModelError> {
        if self.has_adapters() {
            let reason = "the model has adapters already; merge them first".to_owned();
            return Err(ModelError::Trainable { reason });
        }
        let mut model = self.frozen();
        let count = model.layers.len();
        match trainable {
            Trainable::All {} => Ok(model.map(&mut Track(autodiff))),
            Trainable::LastLayers { layers } => {
                let first = first_of(count, "layers", *layers)?;
                let tail = model.layers.split_off(first);
                model.layers.extend(tail.into_iter().map(|layer| layer.map(&mut Track(autodiff))));
                Ok(model)
            }
            Trainable::Lora { rank, alpha, targets, last_layers } => {
                let first = first_of(count, "last_layers", last_layers.unwrap_or(count))?;
                let plan = LoraPlan::new(&model.config, *rank, *alpha, targets, seed)?;
                plan.attach(&mut model, first, autodiff);
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
        for (_, _, linear) in model.linears_mut() {
            linear.adapter = None;
        }
        model
    }

    /// The weights with adapters folded in, untracked.
    pub fn merge_adapters(&self) -> Self {
        let mut model = self.frozen();
        for (_, _, linear) in model.linears_mut() {
            if linear.adapter.is_some() {
                let form = Precision::of(&linear.form).form();
                let merged = Param::initialized(linear.weight.id, linear.merged());
                *linear = Linear { form, ..Linear::new(merged, linear.bias.take()) };
            }
        }
        model
    }

    /// Whether any linear map has an adapter.
    pub fn has_adapters(&self) -> bool {
        self.linears().any(|(_, _, linear)| linear.adapter.is_some())
    }
}

/// The first of the `last` layers.
fn first_of(count: usize, field: &str, last: usize) -> Result<usize, ModelError> {
    if last == 0 || last > count {
        let reason = format!("field `{field}`: expected 1 to {count}, got {last}");
        return Err(ModelError::Trainable { reason });
    }
    Ok(count - last)
}

struct Track<'a>(&'a Device);

impl ModuleMapper for Track<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        // Made on the device, so that its gradient-checkpointing strategy holds.
        let data = param.val().without_autodiff().into_data();
        Param::initialized(id, Tensor::from_data(data, self.0).require_grad())
    }
}

struct Untrack;

impl ModuleMapper for Untrack {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        Param::initialized(id, param.val().without_autodiff())
    }
}
