//! The head's three products, in f32 or of factors rounded to bf16.

use crate::cpu::bf16::{self, Left, Right};
use crate::cpu::level::Level;
use crate::cpu::matrix::{Output, View, WeightLayout, multiply};

/// How the head's factors are multiplied.
#[derive(Clone, Copy)]
pub(crate) enum Products<'a> {
    /// As they are.
    F32,
    /// Rounded to bf16; the weights are packed already.
    Bf16 {
        level: Level,
        /// `W`, `[width, vocab]`.
        forward: &'a Right,
        /// `Wᵀ`; present if the gradient by the hidden states is wanted.
        backward: Option<&'a Right>,
    },
}

/// The residual of one chunk of rows, packed for the gradient of the weights.
#[derive(Clone)]
pub(crate) enum PackedResidual {
    /// Its transpose, for weights that stand as `[vocab, width]`.
    Left(Left),
    /// For weights that stand as `[width, vocab]`.
    Right(Right),
}

impl Products<'_> {
    /// `logits ← h W`, `weights` being `W` as it is.
    pub(super) fn logits(self, logits: &mut [f32], hidden: View<'_>, weights: View<'_>) {
        match self {
            Self::F32 => multiply(logits, weights.columns(), hidden, weights, 1.0, Output::Overwrite, true),
            Self::Bf16 { level, forward, .. } => {
                bf16::multiply(logits, &Left::pack(level, hidden), forward, Output::Overwrite);
            }
        }
    }

    /// `gradient ← residual Wᵀ`.
    pub(super) fn by_hidden(self, gradient: &mut [f32], residual: View<'_>, weights: View<'_>) {
        match self {
            Self::F32 => multiply(gradient, weights.rows(), residual, weights.t(), 1.0, Output::Overwrite, true),
            Self::Bf16 { level, backward, .. } => {
                let backward = backward.expect("packed for the gradient that is wanted");
                bf16::multiply(gradient, &Left::pack(level, residual), backward, Output::Overwrite);
            }
        }
    }

    /// `gradient += hᵀ residual`, laid out as the weights are.
    pub(super) fn add_by_weights(
        self,
        gradient: &mut [f32],
        hidden: View<'_>,
        residual: View<'_>,
        layout: WeightLayout,
    ) {
        match (self, layout) {
            (Self::F32, WeightLayout::Straight) => {
                multiply(gradient, residual.columns(), hidden.t(), residual, 1.0, Output::Accumulate, true);
            }
            (Self::F32, WeightLayout::Transposed) => {
                multiply(gradient, hidden.columns(), residual.t(), hidden, 1.0, Output::Accumulate, true);
            }
            (Self::Bf16 { level, .. }, layout) => {
                PackedResidual::pack(level, residual, layout).add_by_weights(level, gradient, hidden);
            }
        }
    }
}

impl PackedResidual {
    pub(super) fn pack(level: Level, residual: View<'_>, layout: WeightLayout) -> Self {
        match layout {
            WeightLayout::Straight => Self::Right(Right::pack(level, residual)),
            WeightLayout::Transposed => Self::Left(Left::pack(level, residual.t())),
        }
    }

    /// `gradient += hᵀ residual`, laid out as the weights are.
    pub(super) fn add_by_weights(&self, level: Level, gradient: &mut [f32], hidden: View<'_>) {
        match self {
            Self::Right(residual) => {
                bf16::multiply(gradient, &Left::pack(level, hidden.t()), residual, Output::Accumulate);
            }
            Self::Left(residual) => {
                bf16::multiply(gradient, residual, &Right::pack(level, hidden), Output::Accumulate);
            }
        }
    }
}
