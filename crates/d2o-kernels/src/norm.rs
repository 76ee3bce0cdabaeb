//! Root-mean-square normalisation as one operation.

use burn::tensor::Tensor;

/// `x / √(mean(x²) + ε) · w` over the last dimension (arXiv 1910.07467).
///
/// # Shapes
/// - `x` and output: `[.., width]`; `weight`: `[width]`
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f64) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if crate::host::is_on_cpu(&x) && crate::host::is_on_cpu(&weight) {
        return crate::flex::norm::rms_norm(x, weight, epsilon as f32);
    }
    rms_norm_composed(x, weight, epsilon)
}

/// The same from Burn's operations.
pub fn rms_norm_composed<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f64) -> Tensor<D> {
    let inverse = (x.clone() * x.clone()).mean_dim(D - 1).add_scalar(epsilon).sqrt().recip();
    x * inverse * weight.unsqueeze()
}
