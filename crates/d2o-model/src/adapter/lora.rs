//! Attaching low-rank adapters.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

use crate::config::ModelConfig;
use crate::decoder::CausalLm;
use crate::decoder::linear::{Adapter, Linear};
use crate::error::ModelError;
use crate::weights::names::{self, Names};
use crate::weights::random::Random;

/// Adapters to attach, checked.
pub(crate) struct LoraPlan<'a> {
    rank: usize,
    alpha: f64,
    targets: &'a [String],
    seed: u64,
}

impl<'a> LoraPlan<'a> {
    pub(crate) fn new(
        config: &ModelConfig,
        rank: usize,
        alpha: f64,
        targets: &'a [String],
        seed: u64,
    ) -> Result<Self, ModelError> {
        let wrong = |reason: String| Err(ModelError::Trainable { reason });
        if rank == 0 {
            return wrong("field `rank`: expected at least 1, got 0".to_owned());
        }
        if !alpha.is_finite() || alpha == 0.0 {
            return wrong(format!("field `alpha`: expected a finite number other than 0, got {alpha}"));
        }
        // GPT-2 calls two maps `c_proj`: a target names both, as in PEFT.
        let mut known: Vec<&str> = Vec::new();
        for name in names::linears(config).iter().map(|map| names::last_part(map.module)) {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        if let Some(unknown) = targets.iter().find(|target| !known.contains(&target.as_str())) {
            let known = known.join(", ");
            return wrong(format!("field `targets`: `{unknown}` is none of {known}"));
        }
        Ok(Self { rank, alpha, targets, seed })
    }

    /// Attaches fresh adapters in the layers from `first` on.
    pub(crate) fn attach(&self, model: &mut CausalLm, first: usize, autodiff: &Device) {
        let names = Names::of(model.config.family);
        for (index, module, linear) in model.linears_mut().filter(|(index, ..)| *index >= first) {
            if self.takes(module) {
                let name = names.in_layer(index, module);
                linear.adapter = Some(self.adapter(&name, linear, autodiff));
            }
        }
    }

    fn takes(&self, module: &'static str) -> bool {
        let short = names::last_part(module);
        self.targets.is_empty() || self.targets.iter().any(|target| target == short)
    }

    fn adapter(&self, module: &str, linear: &Linear, autodiff: &Device) -> Adapter {
        let [input, out] = linear.weight.val().dims();
        let [name_a, name_b] = names::FACTORS.map(|factor| format!("{module}.{factor}.weight"));
        let bound = 1.0 / (input as f64).sqrt();
        let values = Random::of(self.seed, &name_a).uniforms(input * self.rank, bound);
        let a = TensorData::new(values, [input, self.rank]);
        let factor = |name: &str, tensor: Tensor<2>| Param::initialized(names::param_id(name), tensor.require_grad());
        Adapter {
            a: factor(&name_a, Tensor::from_data(a, autodiff)),
            b: factor(&name_b, Tensor::zeros([self.rank, out], autodiff)),
            alpha: self.alpha,
        }
    }
}
