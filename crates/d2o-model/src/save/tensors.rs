//! A model's tensors in Hugging Face's names and layout.

use burn::tensor::Tensor;

use crate::decoder::CausalLm;
use crate::layout::{transposed, values};
use crate::names;

/// A tensor that is read from the device when its values are asked for.
pub(crate) struct HfTensor {
    /// Its name in Hugging Face's files.
    pub(crate) name: String,
    /// In Hugging Face's layout, `[out, in]`.
    pub(crate) shape: Vec<usize>,
    held: Held,
}

enum Held {
    Vector(Tensor<1>),
    Matrix(Tensor<2>),
    /// `[in, out]` here.
    Linear(Tensor<2>),
}

impl HfTensor {
    fn vector(name: String, tensor: Tensor<1>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { name, shape, held: Held::Vector(tensor.without_autodiff()) }
    }

    fn matrix(name: String, tensor: Tensor<2>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { name, shape, held: Held::Matrix(tensor.without_autodiff()) }
    }

    pub(super) fn linear(name: String, tensor: Tensor<2>) -> Self {
        let [input, out] = tensor.dims();
        Self { name, shape: vec![out, input], held: Held::Linear(tensor.without_autodiff()) }
    }

    /// The values, row by row.
    pub(crate) fn values(&self) -> Vec<f32> {
        match &self.held {
            Held::Vector(tensor) => values(tensor.clone()),
            Held::Matrix(tensor) => values(tensor.clone()),
            Held::Linear(tensor) => {
                let [input, out] = tensor.dims();
                transposed(&values(tensor.clone()), input, out)
            }
        }
    }
}

/// All tensors of `model` but its adapters.
pub(crate) fn hf_tensors(model: &CausalLm) -> Vec<HfTensor> {
    let mut tensors = vec![HfTensor::matrix(names::EMBEDDING.to_owned(), model.embedding.val())];
    for (index, layer) in model.layers.iter().enumerate() {
        let name = |module: &str| names::in_layer(index, &format!("{module}.weight"));
        for (module, linear) in names::LINEARS.iter().zip(names::linears(layer)) {
            tensors.push(HfTensor::linear(name(module), linear.weight.val()));
        }
        for (module, norm) in names::NORMS.iter().zip([&layer.attention_norm, &layer.mlp_norm]) {
            tensors.push(HfTensor::vector(name(module), norm.weight.val()));
        }
    }
    tensors.push(HfTensor::vector(names::FINAL_NORM.to_owned(), model.norm.weight.val()));
    if let Some(head) = &model.head {
        tensors.push(HfTensor::linear(names::HEAD.to_owned(), head.weight.val()));
    }
    tensors
}
