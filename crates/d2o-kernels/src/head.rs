//! The head: log-probabilities of chosen tokens without ever holding all logits.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use crate::linear::linear_composed;
use crate::weight::Weight;

/// `log softmax(h W)[target]` of each row, nats.
///
/// Logits exist for `chunk` rows at a time, forward and backward. Where the weight's form is bf16, the factors of
/// every product are rounded, as in [`linear`](crate::linear()); logits and what is made of them are f32.
///
/// # Shapes
/// - `hidden`: `[rows, width]`; `targets` and output: `[rows]`; `weight`: `[width, vocab]` as its layout says
///
/// # Panics
/// If `chunk` is zero, shapes disagree, or a target is not in the vocabulary.
pub fn token_log_probs(hidden: Tensor<2>, weight: Weight<'_>, targets: Tensor<1, Int>, chunk: usize) -> Tensor<1> {
    assert!(chunk > 0, "a chunk holds at least one row");
    assert_eq!(hidden.dims()[0], targets.dims()[0], "one target for each row");
    #[cfg(feature = "flex")]
    if crate::host::is_on_cpu(&hidden) && crate::host::is_on_cpu(&weight.values) {
        return crate::flex::head::token_log_probs(hidden, weight, targets, chunk);
    }
    token_log_probs_composed(hidden, weight, targets, chunk)
}

/// The same from Burn's operations; a tracked forward keeps the logits of all chunks.
pub fn token_log_probs_composed(
    hidden: Tensor<2>,
    weight: Weight<'_>,
    targets: Tensor<1, Int>,
    chunk: usize,
) -> Tensor<1> {
    let targets = targets.without_autodiff().split(chunk, 0);
    let parts = hidden.split(chunk, 0).into_iter().zip(targets).map(|(hidden, targets)| {
        let log_probs = log_softmax(linear_composed(hidden, weight.clone()), 1);
        log_probs.gather(1, targets.unsqueeze_dim(1)).squeeze_dim(1)
    });
    Tensor::cat(parts.collect(), 0)
}
