//! The precision of products: what of a model is rounded, and weights packed for it.

use std::sync::Arc;

use burn::tensor::Tensor;
use d2o_kernels::{Bf16Matrix, Packed, WeightForm, WeightLayout, is_on_cpu};
use serde::{Deserialize, Serialize};

use super::causal_lm::CausalLm;
use super::tracking::is_tracked;

/// In which precision the factors of products enter them. In a run file: `train.precision`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f32, as the weights are.
    #[default]
    F32,
    /// Weights, activations and gradients are rounded to bf16 where they are multiplied by linear maps and head, forward
    /// and backward. Sums, and everything else, are in f32.
    Bf16,
}

impl Precision {
    /// Its name in run files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    pub(crate) fn of(form: &WeightForm) -> Self {
        match form {
            WeightForm::F32 => Self::F32,
            WeightForm::Bf16(_) => Self::Bf16,
        }
    }

    /// Of weights that nobody has packed.
    pub(crate) fn form(self) -> WeightForm {
        match self {
            Self::F32 => WeightForm::F32,
            Self::Bf16 => WeightForm::Bf16(None),
        }
    }
}

impl CausalLm {
    /// The same weights, their products computed in this precision. Nothing is packed yet: see
    /// [`pack_weights`](Self::pack_weights).
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.forms_mut(|form, _, _, _| {
            if Precision::of(form) != precision {
                *form = precision.form();
            }
        });
        self
    }

    /// The precision in which products of this model are computed.
    pub fn precision(&self) -> Precision {
        Precision::of(self.head.as_ref().map_or(&self.tied_form, |head| &head.form))
    }

    /// Whether the weights are on the processor, where products in bf16 have instructions of their own.
    pub fn is_on_cpu(&self) -> bool {
        is_on_cpu(&self.embedding.val())
    }

    /// Packs the weights for products in bf16, on the processor; in f32 and elsewhere there is nothing to pack.
    ///
    /// A product whose weight is not packed packs it itself, with the same bits. Weights that are packed already stay so. Where
    /// gradients go through a layer, its weights are packed for both directions.
    pub fn pack_weights(&mut self) {
        let first = self.first_gradient_layer();
        self.forms_mut(|form, weight, layout, layer| {
            let packed = if layer >= first { Packed::Both } else { Packed::Forward };
            let WeightForm::Bf16(known) = form else { return };
            if !known.as_ref().is_some_and(|known| known.serves(weight, packed)) {
                *known = Bf16Matrix::of(weight, layout, packed).map(Arc::new);
            }
        });
    }

    /// Lets go of packed weights that train: they are about to change.
    pub fn unpack_trained(&mut self) {
        self.forms_mut(|form, weight, _, _| {
            if let WeightForm::Bf16(packed) = form
                && is_tracked(weight)
            {
                *packed = None;
            }
        });
    }

    /// The first layer through which gradients go; beyond the head if nothing trains.
    fn first_gradient_layer(&self) -> usize {
        if self.trainable_parameters() == 0 { usize::MAX } else { self.first_trainable_layer() }
    }

    /// Every matrix of linear maps and head with its form, its layout and its layer; the head counts as one behind the last.
    fn forms_mut(&mut self, mut visit: impl FnMut(&mut WeightForm, &Tensor<2>, WeightLayout, usize)) {
        for (layer, _, linear) in self.linears_mut() {
            visit(&mut linear.form, &linear.weight.val(), WeightLayout::Straight, layer);
        }
        let head = self.layers.len();
        if let Some(linear) = &mut self.head {
            visit(&mut linear.form, &linear.weight.val(), WeightLayout::Straight, head);
        } else {
            visit(&mut self.tied_form, &self.embedding.val(), WeightLayout::Transposed, head);
        }
    }
}
