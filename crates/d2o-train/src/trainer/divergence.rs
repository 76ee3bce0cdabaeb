//! How far the policy is from the base, over the whole vocabulary.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use d2o_model::CausalLm;

/// The terms of `KL(π_r ‖ π_θ) = Σ_v π_r(v) log(π_r(v) / π_θ(v))` at each row, nats; tracked where `policy` is.
///
/// # Shapes
/// - `reference`, `hidden`: final hidden states of base and policy, `[rows, width]`; output: `[rows, vocab]`
pub(super) fn divergence_terms(
    (base, reference): (&CausalLm, Tensor<2>),
    (policy, hidden): (&CausalLm, Tensor<2>),
) -> Tensor<2> {
    let reference = log_softmax(base.logits(reference), 1);
    let hidden = log_softmax(policy.logits(hidden), 1);
    reference.clone().exp() * (reference - hidden)
}
