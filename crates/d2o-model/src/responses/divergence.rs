//! How far the policy is from the base, over the whole vocabulary.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};

use super::packed::Packed;
use super::score::Chunking;
use crate::CausalLm;

/// `Σ_i weight_i Σ_v π_r(v) log(π_r(v) / π_θ(v))` over the first rows, as many as there are weights, nats, `[1]`; tracked
/// where `policy` is.
///
/// `reference` and `hidden` are final hidden states of base and policy, `[rows, width]`. Logits of `head_rows` rows are
/// held at a time.
pub fn weighted_divergence(
    (base, reference): (&CausalLm, Tensor<2>),
    (policy, hidden): (&CausalLm, Tensor<2>),
    weights: &[f32],
    head_rows: usize,
) -> Tensor<1> {
    let rows = weights.len();
    let weights = Tensor::<1>::from_data(TensorData::from(weights), &base.device());
    let chunks = |hidden: Tensor<2>| hidden.narrow(0, 0, rows).split(head_rows, 0);
    let parts = chunks(reference)
        .into_iter()
        .zip(chunks(hidden))
        .zip(weights.split(head_rows, 0))
        .map(|((reference, hidden), weights)| {
            let reference = log_softmax(base.logits(reference), 1);
            let hidden = log_softmax(policy.logits(hidden), 1);
            let terms = reference.clone().exp() * (reference - hidden);
            (terms.sum_dim(1).squeeze_dim::<1>(1) * weights).sum()
        })
        .collect();
    Tensor::cat(parts, 0).sum()
}

/// `KL(base ‖ policy)` on a response, mean over its tokens, nats, `[1]`; tracked where `policy` is.
///
/// Any two models with the same vocabulary: nothing is taken to be shared.
///
/// # Panics
/// If the prompt or the response is empty.
pub fn divergence(
    base: &CausalLm,
    policy: &CausalLm,
    (prompt, response): (&[u32], &[u32]),
    chunking: Chunking,
) -> Tensor<1> {
    let packed = Packed::new(prompt, &[response], &base.device());
    let tokens = response.len();
    let (reference, hidden) = (packed.predicting_hidden(base), packed.predicting_hidden(policy));
    weighted_divergence((base, reference), (policy, hidden), &vec![1.0 / tokens as f32; tokens], chunking.head_rows)
}
