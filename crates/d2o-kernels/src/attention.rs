//! Causal attention over spans of tokens that share prefixes, as one operation.
//!
//! A prompt and several responses lie in one row of tokens; each response sees the prompt and itself. A
//! mask over all pairs would compute, and throw away, what responses see of each other. Here every span
//! is multiplied with its prefix and with itself only, and the scores of one head and block of rows are
//! all that is ever held: the gradient computes them again.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

mod backward;
mod forward;

pub(crate) use backward::{Results, backward};
pub(crate) use forward::forward;

/// Query rows whose scores are held at once.
const BLOCK: usize = 64;
/// Added to forbidden scores by the composition: finite, so that `softmax` stays finite.
const FORBIDDEN: f32 = -1e9;

/// Consecutive tokens that see each other causally, and all of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The tokens.
    pub tokens: Range<usize>,
    /// Tokens of one other span, all of which they see; may be empty.
    pub prefix: Range<usize>,
}

/// Heads of an attention and what scores are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    /// Heads of queries.
    pub queries: usize,
    /// Heads of keys and values; `queries / kv` query heads share one.
    pub kv: usize,
    /// Width of a head.
    pub dim: usize,
    /// Multiplies `q · k`.
    pub scale: f32,
}

impl Heads {
    fn group(&self) -> usize {
        self.queries / self.kv
    }
}

/// Spans that cover all tokens in order. Tokens before the first span are seen and see nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans(Arc<Vec<Span>>);

impl Spans {
    /// # Panics
    /// If the spans leave a token out behind the first one, overlap, or a prefix is not wholly before its span.
    pub fn new(spans: Vec<Span>) -> Self {
        let mut end = spans.first().map_or(0, |span| span.tokens.start);
        for span in &spans {
            assert_eq!(span.tokens.start, end, "spans follow each other");
            assert!(span.tokens.end >= end && span.prefix.end <= end, "a prefix lies before its span");
            end = span.tokens.end;
        }
        Self(Arc::new(spans))
    }

    /// The spans.
    pub fn list(&self) -> &[Span] {
        &self.0
    }

    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.0.last().map_or(0, |span| span.tokens.end)
    }

    /// Whether token `query` sees token `key`.
    pub fn sees(&self, query: usize, key: usize) -> bool {
        let span = self.0.iter().find(|span| span.tokens.contains(&query));
        span.is_some_and(|span| span.prefix.contains(&key) || (span.tokens.start <= key && key <= query))
    }
}

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
    if [&queries, &keys, &values].into_iter().all(crate::host::is_here) {
        return crate::ops::attention::span_attention(queries, keys, values, heads, spans);
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

/// The slices that one attention reads, token after token.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) queries: &'a [f32],
    pub(crate) keys: &'a [f32],
    pub(crate) values: &'a [f32],
}

/// Rows of a span that are computed together: `rows` of the row of tokens, which see the prefix and
/// `own` of their span; the first of them sees `own` up to itself.
struct Block {
    rows: Range<usize>,
    prefix: Range<usize>,
    own: Range<usize>,
}

impl Block {
    /// The blocks of a span.
    fn of(span: &Span) -> impl Iterator<Item = Self> + '_ {
        span.tokens.clone().step_by(BLOCK).map(|start| {
            let end = (start + BLOCK).min(span.tokens.end);
            Self { rows: start..end, prefix: span.prefix.clone(), own: span.tokens.start..end }
        })
    }

    /// Keys that the block's last row sees.
    fn keys(&self) -> usize {
        self.prefix.len() + self.own.len()
    }

    /// Keys that row `index` of the block sees.
    fn visible(&self, index: usize) -> usize {
        self.prefix.len() + self.rows.start + index + 1 - self.own.start
    }
}
