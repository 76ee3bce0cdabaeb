//! Grouped-query attention.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use d2o_kernels::{Scoring, Spans, is_on_cpu, span_attention};

use super::activation::soft_cap;
use super::cache::KvAccess;
use super::context::LayerContext;
use super::keys_values::KeysValues;
use super::linear::Linear;
use super::norm::Norm;
use crate::config::ModelConfig;

/// Heads, and what is done to their scores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) queries: usize,
    /// Key and value heads; several query heads share one.
    pub(crate) kv: usize,
    pub(crate) dim: usize,
    pub(crate) scale: f64,
    pub(crate) cap: Option<f64>,
}

impl Heads {
    pub(crate) fn of(config: &ModelConfig) -> Self {
        let (scale, cap) = (config.attention.scale, config.attention.score_cap);
        Self { queries: config.heads, kv: config.kv_heads, dim: config.head_dim, scale, cap }
    }
}

/// The attention of one layer.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    pub(crate) inputs: Inputs,
    /// Of each head's queries and keys, where the family has them.
    pub(crate) query_norm: Option<Norm>,
    pub(crate) key_norm: Option<Norm>,
    pub(crate) output: Linear,
    #[module(skip)]
    pub(crate) heads: Heads,
}

/// The maps that make queries, keys and values.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each layer")]
pub(crate) enum Inputs {
    Separate(Separate),
    /// One map that gives queries, keys and values, in this order.
    Fused(Linear),
}

#[derive(Module, Debug)]
pub(crate) struct Separate {
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
}

impl Inputs {
    fn forward(&self, x: Tensor<3>, heads: Heads) -> [Tensor<3>; 3] {
        match self {
            Self::Separate(Separate { query, key, value }) => {
                [query.forward(x.clone()), key.forward(x.clone()), value.forward(x)]
            }
            Self::Fused(map) => {
                let (queries, keys) = (heads.queries * heads.dim, heads.kv * heads.dim);
                let all = map.forward(x);
                let part = |start, width| all.clone().narrow(2, start, width);
                [part(0, queries), part(queries, keys), part(queries + keys, keys)]
            }
        }
    }
}

impl Attention {
    /// `x` and output: `[batch, len, width]`.
    pub(crate) fn forward(&self, x: Tensor<3>, context: LayerContext<'_>, cache: Option<KvAccess<'_>>) -> Tensor<3> {
        let [batch, len, _] = x.dims();
        let Heads { queries, dim, scale, cap, .. } = self.heads;
        let inputs = self.inputs.forward(x, self.heads);
        if let Some(spans) = context.spans {
            let mixed = self.mixed_rows(self.rotated_rows(inputs, context), spans, cache);
            return self.output.forward(mixed.reshape([batch, len, queries * dim]));
        }
        let [q, k, v] = self.rotated_heads(inputs, context);
        let mixed = match cache {
            Some(KvAccess::Ragged { cache, layer, rows }) => {
                cache.attend(layer, rows, [q, k, v], Scoring { scale, cap, window: context.window })
            }
            Some(KvAccess::Padded(cache)) => {
                let (k, v) = cache.append(k, v);
                attend(q, k, v, scale, cap, context.mask)
            }
            Some(KvAccess::Record(place)) => {
                *place = Some(KeysValues::of_heads(k.clone(), v.clone()));
                attend(q, k, v, scale, cap, context.mask)
            }
            Some(KvAccess::Prompt(prompt)) => {
                let (k, v) = prompt.before_heads(k, v);
                attend(q, k, v, scale, cap, context.mask)
            }
            None => attend(q, k, v, scale, cap, context.mask),
        };
        self.output.forward(mixed.swap_dims(1, 2).reshape([batch, len, queries * dim]))
    }

    /// Attention by the kernels, `[tokens, heads · dim]`.
    fn mixed_rows(&self, [q, k, v]: [Tensor<2>; 3], spans: &Spans, cache: Option<KvAccess<'_>>) -> Tensor<2> {
        let Heads { queries, kv, dim, scale, .. } = self.heads;
        let heads = d2o_kernels::Heads { queries, kv, dim, scale: scale as f32 };
        match cache {
            Some(KvAccess::Prompt(prompt)) => {
                let ([tokens, width], seen) = (q.dims(), prompt.tokens());
                // The prompt asks nothing: rows that no span names.
                let q = Tensor::cat(vec![Tensor::zeros([seen, width], &q.device()), q], 0);
                let (k, v) = prompt.before_rows(k, v);
                span_attention(q, k, v, heads, spans).narrow(0, seen, tokens)
            }
            Some(KvAccess::Record(place)) => {
                *place = Some(KeysValues { keys: k.clone(), values: v.clone() });
                span_attention(q, k, v, heads, spans)
            }
            _ => span_attention(q, k, v, heads, spans),
        }
    }

    /// Normed and rotated queries and keys, and values, `[tokens, heads · dim]` each: as the kernels read them.
    fn rotated_rows(&self, [q, k, v]: [Tensor<3>; 3], context: LayerContext<'_>) -> [Tensor<2>; 3] {
        let dim = self.heads.dim;
        let rows = |x: Tensor<3>| {
            let [batch, len, width] = x.dims();
            x.reshape([batch * len, width])
        };
        let prepare = |x: Tensor<3>, norm: &Option<Norm>| {
            let mut x = rows(x);
            if let Some(norm) = norm {
                let [tokens, width] = x.dims();
                x = norm.forward(x.reshape([tokens, width / dim, dim])).reshape([tokens, width]);
            }
            match context.rotary {
                Some(rotary) => rotary.apply_rows(x, dim),
                None => x,
            }
        };
        [prepare(q, &self.query_norm), prepare(k, &self.key_norm), rows(v)]
    }

    /// The same, `[batch, heads, len, dim]` each.
    fn rotated_heads(&self, [q, k, v]: [Tensor<3>; 3], context: LayerContext<'_>) -> [Tensor<4>; 3] {
        let Heads { queries, kv, dim, .. } = self.heads;
        let [batch, len, _] = q.dims();
        if is_on_cpu(&q) {
            let split = |x: Tensor<2>, heads: usize| x.reshape([batch, len, heads, dim]).swap_dims(1, 2);
            let [q, k, v] = self.rotated_rows([q, k, v], context);
            return [split(q, queries), split(k, kv), split(v, kv)];
        }
        let split = |x: Tensor<3>, heads: usize| x.reshape([batch, len, heads, dim]).swap_dims(1, 2);
        let prepare = |mut x: Tensor<4>, norm: &Option<Norm>| {
            if let Some(norm) = norm {
                x = norm.forward(x);
            }
            match context.rotary {
                Some(rotary) => rotary.apply(x),
                None => x,
            }
        };
        [prepare(split(q, queries), &self.query_norm), prepare(split(k, kv), &self.key_norm), split(v, kv)]
    }
}

/// `softmax(cap(scale · Q Kᵀ) + mask) V` for each query head.
///
/// The query heads of one key head are folded into the row dimension, so keys and values are never repeated.
///
/// # Shapes
/// - `queries` and output: `[batch, heads, len, dim]`
/// - `keys`, `values`: `[batch, kv_heads, keys, dim]`, `kv_heads` dividing `heads`
/// - `mask`: `[batch or 1, 1, 1, len, keys]`
pub(crate) fn attend(
    queries: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    scale: f64,
    cap: Option<f64>,
    mask: Option<&Tensor<5>>,
) -> Tensor<4> {
    let [batch, heads, len, dim] = queries.dims();
    let [_, kv, seen, _] = keys.dims();
    let group = heads / kv;
    let rows = queries.mul_scalar(scale).reshape([batch, kv, group * len, dim]);
    let mut scores = rows.matmul(keys.transpose());
    if let Some(cap) = cap {
        scores = soft_cap(scores, cap);
    }
    let weights = match mask {
        Some(mask) => {
            let scores = scores.reshape([batch, kv, group, len, seen]) + mask.clone();
            softmax(scores, 4).reshape([batch, kv, group * len, seen])
        }
        None => softmax(scores, 3),
    };
    weights.matmul(values).reshape([batch, heads, len, dim])
}
