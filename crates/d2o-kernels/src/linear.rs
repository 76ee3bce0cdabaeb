//! Linear maps, their products in f32 or of factors rounded to bf16.

use burn::tensor::{FloatDType, Tensor};

use crate::weight::{Weight, WeightForm};

/// `x W`.
///
/// Where the form is bf16, both factors of every product are rounded, and sums are in f32: of `x W`, and of the
/// gradients `dy Wᵀ` and `xᵀ dy`.
///
/// # Shapes
/// - `x`: `[rows, inputs]`; output: `[rows, outputs]`
///
/// # Panics
/// If the widths disagree.
pub fn linear(x: Tensor<2>, weight: Weight<'_>) -> Tensor<2> {
    assert_eq!(x.dims()[1], weight.dims()[0], "as many inputs as the weight has");
    #[cfg(feature = "flex")]
    if let WeightForm::Bf16(packed) = weight.form
        && crate::host::is_on_cpu(&x)
        && crate::host::is_on_cpu(&weight.values)
    {
        return crate::flex::linear::bf16_linear(x, weight.values, weight.layout, packed.as_ref());
    }
    linear_composed(x, weight)
}

/// The same from Burn's operations.
pub fn linear_composed(x: Tensor<2>, weight: Weight<'_>) -> Tensor<2> {
    let matrix = weight.matrix();
    match weight.form {
        WeightForm::F32 => x.matmul(matrix),
        WeightForm::Bf16(_) => gradient_rounded(value_rounded(x).matmul(value_rounded(matrix))),
    }
}

/// `x` rounded to bf16; its gradient passes as it is.
fn value_rounded(x: Tensor<2>) -> Tensor<2> {
    let rounding = rounded(x.clone().detach()) - x.clone().detach();
    // Exact: a number and its rounded form are so near that neither the difference nor the sum is rounded.
    x + rounding
}

/// `x` as it is; its gradient is rounded to bf16.
fn gradient_rounded(x: Tensor<2>) -> Tensor<2> {
    // The gradient of a conversion is the conversion of the gradient.
    let converted = rounded(x.clone());
    let lost = x.detach() - converted.clone().detach();
    converted + lost
}

fn rounded(x: Tensor<2>) -> Tensor<2> {
    x.cast(FloatDType::BF16).cast(FloatDType::F32)
}
