//! Decoding against a cache.

use burn::tensor::{Device, Int, Tensor};

use super::cache::{KvAccess, KvCache};
use super::causal_lm::CausalLm;
use super::placement::Placement;

impl CausalLm {
    /// An empty cache for `batch` rows of at most `capacity` columns.
    pub fn new_cache(&self, batch: usize, capacity: usize) -> KvCache {
        KvCache::new(&self.config, batch, capacity, &self.device().without_autodiff())
    }

    /// Runs new columns against the cache and fills it; final hidden states of the new columns.
    ///
    /// Prompts of different lengths are padded on the left: `padding[row]` columns of the cache are
    /// no tokens, are never attended to, and positions count from the first real one. Hidden states
    /// at padded columns are finite and meaningless. Layers with a sliding window keep all columns and
    /// look at the last ones. Meant for a frozen model: a tracked one would keep its graph.
    ///
    /// # Shapes
    /// - `ids`: `[batch, columns]`; output: `[batch, columns, width]`
    ///
    /// # Panics
    /// If the cache has no room for the columns, or `padding` or the cache is for another batch; if a
    /// position lies beyond what the model knows (learned positions, longrope).
    pub fn forward_cached(&self, ids: Tensor<2, Int>, padding: &[usize], cache: &mut KvCache) -> Tensor<3> {
        let [batch, columns] = ids.dims();
        let start = cache.len();
        assert_eq!(padding.len(), batch, "one padding for each row");
        assert_eq!(cache.rows(), batch, "one row of the cache for each row of ids");
        assert!(start + columns <= cache.capacity(), "the cache has no room for {columns} columns");
        let device = ids.device().without_autodiff();
        let at = placement(padding, start, columns, &device);
        let context = self.context(&at, &device);
        let mut hidden = self.embed(ids, &at);
        for ((layer, spec), cached) in self.layers.iter().zip(&self.config.layers).zip(&mut cache.layers) {
            hidden = layer.forward(hidden, context.of_layer(spec), Some(KvAccess::Padded(cached)));
        }
        cache.advance(columns);
        self.final_norm(hidden)
    }
}

/// Columns `start..start + columns` of rows that begin with `padding` columns of nothing.
fn placement(padding: &[usize], start: usize, columns: usize, device: &Device) -> Placement {
    let end = start + columns;
    let positions = |pad: usize| -> Vec<u32> { (0..end).map(|column| column.saturating_sub(pad) as u32).collect() };
    let keys: Vec<Vec<u32>> = padding.iter().map(|&pad| positions(pad)).collect();
    let queries: Vec<Vec<u32>> = keys.iter().map(|row| row[start..].to_vec()).collect();
    let allowed = |row: usize, query: usize, key: usize| {
        let query = start + query;
        // A padded column sees itself, so that no row of scores is empty.
        key == query || (key <= query && key >= padding[row])
    };
    Placement::from_fn(&queries, &keys, allowed, device)
}
