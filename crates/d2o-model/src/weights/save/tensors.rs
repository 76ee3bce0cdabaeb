//! A model's tensors in Hugging Face's names and layout.

use burn::tensor::Tensor;

use crate::decoder::CausalLm;
use crate::decoder::norm::Norm;
use crate::weights::layout::{transposed, values};
use crate::weights::names::{self, Names};

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

    pub(crate) fn linear(name: String, tensor: Tensor<2>) -> Self {
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
    let names = Names::of(model.config.family);
    let mut tensors = vec![HfTensor::matrix(names.embedding.to_owned(), model.embedding.val())];
    let positions = model.positions.iter().map(|held| HfTensor::matrix(names.positions.to_owned(), held.val()));
    tensors.extend(positions);
    for (index, layer) in model.layers.iter().enumerate() {
        for (map, linear) in names::linears(&model.config).iter().zip(layer.linears()) {
            let module = names.in_layer(index, map.module);
            let (name, weight) = (format!("{module}.weight"), linear.weight.val());
            tensors.push(match names::stores_in_by_out(model.config.family) {
                true => HfTensor::matrix(name, weight),
                false => HfTensor::linear(name, weight),
            });
            tensors.extend(linear.bias.as_ref().map(|bias| HfTensor::vector(format!("{module}.bias"), bias.val())));
        }
        for ((module, _), norm) in names::norms(&model.config).iter().zip(layer.norms()) {
            tensors.extend(of_norm(&names.in_layer(index, module), norm));
        }
    }
    tensors.extend(of_norm(names.final_norm, &model.norm));
    if let Some(head) = &model.head {
        tensors.push(HfTensor::linear(names::HEAD.to_owned(), head.weight.val()));
    }
    tensors
}

fn of_norm(module: &str, norm: &Norm) -> impl Iterator<Item = HfTensor> {
    let bias = norm.bias.as_ref().map(|bias| HfTensor::vector(format!("{module}.bias"), bias.val()));
    [HfTensor::vector(format!("{module}.weight"), norm.weight.val())].into_iter().chain(bias)
}
