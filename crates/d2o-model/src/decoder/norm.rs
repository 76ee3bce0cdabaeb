//! Normalisation, in the equations that families use.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use d2o_kernels::rms_norm;

use crate::config::NormKind;

/// A normalisation over the last dimension.
#[derive(Module, Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Param<Tensor<1>>,
    /// Of [`NormKind::Layer`] only.
    pub(crate) bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    pub(crate) kind: NormKind,
    pub(crate) epsilon: f64,
}

impl Norm {
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let weight = self.weight.val();
        match self.kind {
            NormKind::Rms => rms_norm(x, weight, self.epsilon),
            NormKind::RmsPlusOne => rms_norm(x, weight.add_scalar(1.0), self.epsilon),
            NormKind::Layer => layer_norm(x, weight, self.bias.as_ref().map(Param::val), self.epsilon),
        }
    }
}

/// `(x − mean(x)) / √(var(x) + ε) · w + b` over the last dimension, the variance divided by the count.
fn layer_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Option<Tensor<1>>, epsilon: f64) -> Tensor<D> {
    let centred = x.clone() - x.mean_dim(D - 1);
    let scaled = rms_norm(centred, weight, epsilon);
    match bias {
        Some(bias) => scaled + bias.unsqueeze(),
        None => scaled,
    }
}
