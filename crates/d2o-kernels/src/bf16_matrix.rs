//! Weights packed once in bf16, for all products until they change.

use burn::tensor::Tensor;

use crate::cpu::bf16::{Left, Right, multiply};
use crate::cpu::level::Level;
use crate::cpu::matrix::{Output, View, WeightLayout};
use crate::host::{self, Values};

/// Which products a matrix is packed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// `x W` only.
    Forward,
    /// `x W`, and `dy Wᵀ` for the gradient by `x`: twice the memory.
    Both,
}

/// A matrix `W: [inputs, outputs]` in bf16, as products read it.
#[derive(Clone)]
pub struct Bf16Matrix {
    /// `W`.
    forward: Right,
    /// `Wᵀ`.
    backward: Option<Right>,
    /// What it was packed of. Held, so that the same place in memory means the same values.
    source: Option<Values>,
}

impl std::fmt::Debug for Bf16Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bf16Matrix[{}, {}]", self.inputs(), self.outputs())
    }
}

impl Bf16Matrix {
    /// Rounds and packs `weights`, whose values it holds from then on. `None` if they are not f32 or not on the processor.
    pub fn of(weights: &Tensor<2>, layout: WeightLayout, packed: Packed) -> Option<Self> {
        if !host::is_on_cpu(weights) {
            return None;
        }
        let values = host::values(weights.clone().without_autodiff());
        let matrix = Self::pack(Level::best(), layout.matrix(&values, weights.dims()), packed);
        Some(Self { source: Some(values), ..matrix })
    }

    pub(crate) fn pack(level: Level, matrix: View<'_>, packed: Packed) -> Self {
        let backward = (packed == Packed::Both).then(|| Right::pack(level, matrix.t()));
        Self { forward: Right::pack(level, matrix), backward, source: None }
    }

    /// Whether it was packed of these weights (not of equal ones, but of these in memory) and for these products.
    pub fn serves(&self, weights: &Tensor<2>, packed: Packed) -> bool {
        let known = packed == Packed::Forward || self.backward.is_some();
        known && host::is_on_cpu(weights) && self.is_of(&host::values(weights.clone().without_autodiff()))
    }

    /// Rows of the matrix.
    pub fn inputs(&self) -> usize {
        self.forward.rows()
    }

    /// Columns of the matrix.
    pub fn outputs(&self) -> usize {
        self.forward.columns()
    }

    /// Whether it was packed of these values in memory.
    pub(crate) fn is_of(&self, values: &[f32]) -> bool {
        self.source.as_ref().is_some_and(|source| std::ptr::eq::<[f32]>(&**source, values))
    }

    /// `W`, to be multiplied from the left.
    pub(crate) fn forward(&self) -> &Right {
        &self.forward
    }

    /// `Wᵀ`, if it was packed.
    pub(crate) fn backward(&self) -> Option<&Right> {
        self.backward.as_ref()
    }
}

/// `a B` as a new matrix.
pub(crate) fn product(a: &Left, b: &Right) -> Vec<f32> {
    let mut result = vec![0f32; a.rows() * b.columns()];
    multiply(&mut result, a, b, Output::Overwrite);
    result
}
