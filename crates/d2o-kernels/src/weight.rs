//! A weight matrix and how it takes part in products.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::bf16_matrix::Bf16Matrix;
use crate::cpu::matrix::WeightLayout;

/// In which form a weight, and whatever it is multiplied with, enters a product. Sums are in f32 either way.
#[derive(Clone, Debug, Default)]
pub enum WeightForm {
    /// As it is, f32.
    #[default]
    F32,
    /// Rounded to bf16, to nearest even: packed beforehand, else (or if this was packed of other values) anew for each
    /// product.
    Bf16(Option<Arc<Bf16Matrix>>),
}

/// A weight matrix and how it takes part in products.
#[derive(Clone, Debug)]
pub struct Weight<'a> {
    /// Its values, tracked or not.
    pub values: Tensor<2>,
    /// How they lie.
    pub layout: WeightLayout,
    /// How they are multiplied.
    pub form: &'a WeightForm,
}

impl Weight<'_> {
    /// `[inputs, outputs]`, as the layout has it.
    pub(crate) fn dims(&self) -> [usize; 2] {
        let [rows, columns] = self.values.dims();
        match self.layout {
            WeightLayout::Straight => [rows, columns],
            WeightLayout::Transposed => [columns, rows],
        }
    }

    /// The matrix `[inputs, outputs]`.
    pub(crate) fn matrix(&self) -> Tensor<2> {
        match self.layout {
            WeightLayout::Straight => self.values.clone(),
            WeightLayout::Transposed => self.values.clone().transpose(),
        }
    }
}
