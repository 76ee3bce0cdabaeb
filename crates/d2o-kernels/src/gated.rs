//! `silu(gate) · up` as one operation.

use burn::tensor::Tensor;
use burn::tensor::activation::silu;

/// `silu(gate) ⊙ up`, with `silu(x) = x / (1 + e^−x)`: SwiGLU (arXiv 2002.05202).
///
/// # Shapes
/// - `gate`, `up` and output: the same
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if crate::host::is_on_cpu(&gate) && crate::host::is_on_cpu(&up) {
        return crate::flex::gated::swiglu(gate, up);
    }
    swiglu_composed(gate, up)
}

/// The same from Burn's operations.
pub fn swiglu_composed<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    silu(gate) * up
}
