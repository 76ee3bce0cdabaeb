//! Causal attention over spans of tokens that share prefixes, as one operation.
//!
//! A prompt and several responses lie in one row of tokens; each response sees the prompt and itself. A
//! mask over all pairs would compute, and throw away, what responses see of each other. Here every span
//! is multiplied with its prefix and with itself only, and the scores of one head and block of rows are
//! all that is ever held: the gradient computes them again.

use burn::tensor::{Tensor, TensorData};

use crate::spans::{Heads, Spans};

/// Added to forbidden scores by the composition: finite, so that `softmax` stays finite.
const FORBIDDEN: f32 = -1e9;

/// `softmax(scale · Q Kᵀ) V` for each query head, every token seeing its prefix and its own span so far.
///
/// Rows of tokens before the first span are finite and mean nothing.
///
/// # Shapes
/// - `queries` and output: `[tokens, heads · dim]`; `keys`, `values`: `[tokens, kv · dim]`
///
/// # Panics
/// If the shapes disagree with `heads` or `spans`.
pub fn span_attention(
    queries: Tensor<2>,
    keys: Tensor<2>,
    values: Tensor<2>,
    heads: Heads,
    spans: &Spans,
) -> Tensor<2> {
    let tokens = spans.tokens();
    assert_eq!(queries.dims(), [tokens, heads.queries * heads.dim], "queries");
    assert!([&keys, &values].iter().all(|x| x.dims() == [tokens, heads.kv * heads.dim]), "keys and values");
    #[cfg(feature = "flex")]
    if [&queries, &keys, &values].into_iter().all(crate::host::is_on_cpu) {
        return crate::flex::attention::span_attention(queries, keys, values, heads, spans);
    }
    span_attention_composed(queries, keys, values, heads, spans)
}

/// The same from Burn's operations, with a mask over all pairs of tokens.
pub fn span_attention_composed(
    queries: Tensor<2>,
    keys: Tensor<2>,
    values: Tensor<2>,
    heads: Heads,
    spans: &Spans,
) -> Tensor<2> {
    let tokens = spans.tokens();
    let Heads { kv, dim, scale, .. } = heads;
    let group = heads.group();
    let device = queries.device().without_autodiff();
    let mut mask = vec![FORBIDDEN; tokens * tokens];
    for span in spans.list() {
        for query in span.tokens.clone() {
            mask[query * tokens + span.prefix.start..query * tokens + span.prefix.end].fill(0.0);
            mask[query * tokens + span.tokens.start..=query * tokens + query].fill(0.0);
        }
    }
    let mask = Tensor::<4>::from_data(TensorData::new(mask, [1, 1, tokens, tokens]), &device);
    let split = |x: Tensor<2>, heads: usize| x.reshape([tokens, heads, dim]).swap_dims(0, 1);
    let rows = split(queries, kv * group).reshape([kv, group * tokens, dim]).mul_scalar(scale);
    let scores = rows.matmul(split(keys, kv).transpose()).reshape([kv, group, tokens, tokens]) + mask;
    let weights = burn::tensor::activation::softmax(scores, 3).reshape([kv, group * tokens, tokens]);
    let mixed = weights.matmul(split(values, kv)).reshape([kv * group, tokens, dim]);
    mixed.swap_dims(0, 1).reshape([tokens, kv * group * dim])
}
