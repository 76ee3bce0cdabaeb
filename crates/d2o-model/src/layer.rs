//! One decoder layer: attention and feed-forward, each behind an RMSNorm and around a residual.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::{silu, softmax};
use d2o_kernels::Scoring;

use crate::cache::Seen;
use crate::config::ModelConfig;
use crate::linear::Linear;
use crate::rotary::Rotary;

/// Root-mean-square normalisation, `x / √(mean(x²) + ε) · w` (arXiv 1910.07467).
#[derive(Module, Debug)]
pub(crate) struct RmsNorm {
    pub(crate) weight: Param<Tensor<1>>,
    pub(crate) epsilon: f64,
}

impl RmsNorm {
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inverse = (x.clone() * x.clone()).mean_dim(2).add_scalar(self.epsilon).sqrt().recip();
        x * inverse * self.weight.val().unsqueeze()
    }
}

/// Heads and their width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) kv: usize,
    /// Query heads that share one key and value head.
    pub(crate) group: usize,
    pub(crate) dim: usize,
}

impl Heads {
    pub(crate) fn of(config: &ModelConfig) -> Self {
        Self { kv: config.kv_heads, group: config.heads / config.kv_heads, dim: config.head_dim }
    }
}

/// One decoder layer.
#[derive(Module, Debug)]
pub(crate) struct Layer {
    pub(crate) attention_norm: RmsNorm,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) output: Linear,
    pub(crate) mlp_norm: RmsNorm,
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
}

impl Layer {
    /// `x: [batch, len, width]`; `mask: [batch or 1, 1, 1, len, keys]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        heads: Heads,
        rotary: &Rotary,
        mask: Option<&Tensor<5>>,
        cache: Option<Seen<'_>>,
    ) -> Tensor<3> {
        let attended = self.attend(self.attention_norm.forward(x.clone()), heads, rotary, mask, cache);
        let x = x + attended;
        let normed = self.mlp_norm.forward(x.clone());
        let gated = silu(self.gate.forward(normed.clone())) * self.up.forward(normed);
        x + self.down.forward(gated)
    }

    /// Grouped-query attention: the query heads of one key head are folded into the row dimension, so
    /// keys and values are never repeated.
    fn attend(
        &self,
        x: Tensor<3>,
        heads: Heads,
        rotary: &Rotary,
        mask: Option<&Tensor<5>>,
        cache: Option<Seen<'_>>,
    ) -> Tensor<3> {
        let [batch, len, _] = x.dims();
        let Heads { kv, group, dim } = heads;
        let split = |x: Tensor<3>, heads: usize| x.reshape([batch, len, heads, dim]).swap_dims(1, 2);
        let queries = rotary.apply(split(self.query.forward(x.clone()), kv * group));
        let keys = rotary.apply(split(self.key.forward(x.clone()), kv));
        let values = split(self.value.forward(x), kv);
        let scale = (dim as f64).powf(-0.5);
        let (keys, values) = match cache {
            Some(Seen::Ragged { cache, layer, rows }) => {
                let scoring = Scoring { scale, cap: None, window: None };
                let mixed = cache.attend(layer, rows, [queries, keys, values], scoring);
                return self.output.forward(mixed.swap_dims(1, 2).reshape([batch, len, kv * group * dim]));
            }
            Some(Seen::Padded(cache)) => cache.append(keys, values),
            None => (keys, values),
        };
        let rows = queries.mul_scalar(scale).reshape([batch, kv, group * len, dim]);
        let scores = rows.matmul(keys.transpose());
        let [_, _, _, seen] = scores.dims();
        let weights = match mask {
            Some(mask) => {
                let scores = scores.reshape([batch, kv, group, len, seen]) + mask.clone();
                softmax(scores, 4).reshape([batch, kv, group * len, seen])
            }
            None => softmax(scores, 3),
        };
        let mixed = weights.matmul(values).reshape([batch, kv * group, len, dim]);
        self.output.forward(mixed.swap_dims(1, 2).reshape([batch, len, kv * group * dim]))
    }
}
