//! A linear map, with an optional bias and an optional low-rank adapter beside it.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use d2o_kernels::{Weight, WeightForm, WeightLayout, linear};

use super::precision::Precision;

/// `y = x W + b`, plus `(x A) B · scale` where an adapter is attached.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    /// `[in, out]`: the transpose of Hugging Face's layout, so that gradients come out contiguous.
    pub(crate) weight: Param<Tensor<2>>,
    /// `[out]`.
    pub(crate) bias: Option<Param<Tensor<1>>>,
    pub(crate) adapter: Option<Adapter>,
    /// How the weight, and an adapter's, are multiplied.
    #[module(skip)]
    pub(crate) form: WeightForm,
}

/// A low-rank adapter (LoRA, arXiv 2106.09685).
#[derive(Module, Debug)]
pub(crate) struct Adapter {
    /// `[in, rank]`.
    pub(crate) a: Param<Tensor<2>>,
    /// `[rank, out]`, zero at the start.
    pub(crate) b: Param<Tensor<2>>,
    /// The output is scaled by `alpha / rank`.
    pub(crate) alpha: f64,
}

impl Adapter {
    pub(crate) fn rank(&self) -> usize {
        let [_, rank] = self.a.val().dims();
        rank
    }

    pub(crate) fn scale(&self) -> f64 {
        self.alpha / self.rank() as f64
    }
}

impl Linear {
    pub(crate) fn new(weight: Param<Tensor<2>>, bias: Option<Param<Tensor<1>>>) -> Self {
        Self { weight, bias, adapter: None, form: WeightForm::F32 }
    }

    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, len, width] = x.dims();
        // One large matrix product instead of one for each row of the batch.
        let rows = x.reshape([batch * len, width]);
        let mut y = linear(rows.clone(), self.own_weight());
        if let Some(bias) = &self.bias {
            y = y + bias.val().unsqueeze();
        }
        if let Some(adapter) = &self.adapter {
            // They are small: packed anew for each product.
            let form = &Precision::of(&self.form).form();
            let weight =
                |values: &Param<Tensor<2>>| Weight { values: values.val(), layout: WeightLayout::Straight, form };
            let low = linear(linear(rows, weight(&adapter.a)), weight(&adapter.b));
            y = y + low.mul_scalar(adapter.scale());
        }
        let [_, out] = y.dims();
        y.reshape([batch, len, out])
    }

    /// The weight, if the map is a product with it and nothing else.
    pub(crate) fn plain_weight(&self) -> Option<Weight<'_>> {
        let plain = self.bias.is_none() && self.adapter.is_none();
        plain.then(|| self.own_weight())
    }

    fn own_weight(&self) -> Weight<'_> {
        Weight { values: self.weight.val(), layout: WeightLayout::Straight, form: &self.form }
    }

    /// The weight with the adapter folded in, untracked.
    pub(crate) fn merged(&self) -> Tensor<2> {
        let weight = self.weight.val().without_autodiff();
        let Some(adapter) = &self.adapter else { return weight };
        let (a, b) = (adapter.a.val().without_autodiff(), adapter.b.val().without_autodiff());
        weight + a.matmul(b).mul_scalar(adapter.scale())
    }
}
