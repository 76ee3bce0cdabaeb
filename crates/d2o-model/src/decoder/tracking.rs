//! What of a model trains: how much, from which layer on, on which device.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::causal_lm::CausalLm;

impl CausalLm {
    /// Scalar parameters in all, adapters included.
    pub fn parameters(&self) -> usize {
        self.num_params()
    }

    /// Scalar parameters that train.
    pub fn trainable_parameters(&self) -> usize {
        self.tracked().scalars
    }

    /// The first layer with a tracked parameter, 0 if the embedding is tracked; the number of layers
    /// if no layer is.
    pub fn first_trainable_layer(&self) -> usize {
        if is_tracked(&self.embedding.val()) {
            return 0;
        }
        let tracks = |layer| Tracked::of(layer).scalars > 0;
        self.layers.iter().position(tracks).unwrap_or(self.layers.len())
    }

    /// Where the tracked parameters are, if any.
    pub(crate) fn tracked_device(&self) -> Option<Device> {
        self.tracked().device
    }

    fn tracked(&self) -> Tracked {
        Tracked::of(self)
    }
}

/// Whether the tensor is one that trains.
pub(crate) fn is_tracked<const D: usize>(value: &Tensor<D>) -> bool {
    value.is_autodiff() && value.is_require_grad()
}

#[derive(Default)]
struct Tracked {
    scalars: usize,
    device: Option<Device>,
}

impl Tracked {
    fn of(module: &impl Module) -> Self {
        let mut visitor = Self::default();
        module.visit(&mut visitor);
        visitor
    }
}

impl ModuleVisitor for Tracked {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if is_tracked(&value) {
            self.scalars += value.shape().num_elements();
            self.device.get_or_insert_with(|| value.device());
        }
    }
}
