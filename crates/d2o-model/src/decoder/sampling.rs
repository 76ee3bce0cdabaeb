//! A model that only samples: weights in bf16, rows of any length side by side.

use burn::tensor::{Int, Tensor, TensorData};
use d2o_kernels::{CacheShape, Fresh, RaggedCache, is_on_cpu, is_untracked_on_cpu};

use super::cache::KvAccess;
use super::causal_lm::CausalLm;
use super::context::PassContext;
use super::placement::Placement;
use super::precision::Precision;

impl CausalLm {
    /// The same model for sampling: untracked, adapters folded in, and on the processor with linear maps
    /// and head rounded to bf16 beside the weights.
    ///
    /// Its logits are good enough to draw from and not good enough to score with: score with the model
    /// itself.
    pub fn for_sampling(&self) -> Self {
        let rounded = is_on_cpu(&self.embedding.val());
        let mut model = self.merge_adapters().with_precision(if rounded { Precision::Bf16 } else { Precision::F32 });
        model.pack_weights();
        model
    }

    /// A cache for rows of different lengths. `None` where the model is tracked or not on the processor:
    /// [`new_cache`](Self::new_cache) serves everywhere.
    pub fn new_ragged_cache(&self) -> Option<RaggedCache> {
        let (kv_heads, dim) = (self.config.kv_heads, self.config.head_dim);
        let shape = CacheShape { layers: self.layers.len(), kv_heads, dim };
        (self.tracked_device().is_none() && is_untracked_on_cpu(&self.embedding.val())).then(|| RaggedCache::new(shape))
    }

    /// Runs each row's new tokens against what its slot has seen; final hidden states after the last token
    /// of each row.
    ///
    /// Rows of any length stand side by side, without padding, and a row's result does not depend on its
    /// company where the model [samples in bf16](Self::for_sampling).
    ///
    /// # Shapes
    /// - `ids`: the new tokens, row after row; output: `[rows, width]`
    ///
    /// # Panics
    /// If `ids` and `rows` disagree, a row has no new token, or a slot is named twice or has no room.
    pub fn forward_ragged(&self, ids: &[u32], rows: &[Fresh], cache: &mut RaggedCache) -> Tensor<2> {
        let tokens: usize = rows.iter().map(|row| row.tokens).sum();
        assert!(
            tokens == ids.len() && rows.iter().all(|row| row.tokens > 0),
            "{tokens} tokens in rows of at least one"
        );
        let device = self.device();
        let place = |row: &Fresh| (0..row.tokens).map(|new| (cache.seen(row.slot) + new) as u32).collect::<Vec<_>>();
        let positions: Vec<u32> = rows.iter().flat_map(place).collect();
        let at = Placement::unmasked(positions, &device);
        let context = PassContext::without_pattern(&self.config, &at, &device);
        let int = |values: Vec<i64>| Tensor::<1, Int>::from_data(TensorData::from(values.as_slice()), &device);
        let ids = int(ids.iter().map(|&id| i64::from(id)).collect());
        let mut hidden = self.embed(ids.reshape([1, tokens as i64]), &at);
        for (index, (layer, spec)) in self.layers.iter().zip(&self.config.layers).enumerate() {
            let seen = KvAccess::Ragged { cache, layer: index, rows };
            hidden = layer.forward(hidden, context.of_layer(spec), Some(seen));
        }
        cache.advance(rows);
        let ends = rows.iter().scan(-1, |end, row| {
            *end += row.tokens as i64;
            Some(*end)
        });
        let [_, _, width] = hidden.dims();
        let last = hidden.reshape([tokens, width]).select(0, int(ends.collect()));
        self.final_norm(last.unsqueeze_dim(0)).squeeze_dim(0)
    }
}
