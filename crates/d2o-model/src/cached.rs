//! Decoding against a cache.

use burn::tensor::{Device, Int, Tensor};

use crate::cache::{KvCache, Seen};
use crate::decoder::CausalLm;
use crate::layer::Heads;
use crate::placement::Placement;

impl CausalLm {
    /// An empty cache for `batch` rows of at most `capacity` columns.
    pub fn new_cache(&self, batch: usize, capacity: usize) -> KvCache {
        KvCache::new(&self.config, batch, capacity, &self.device().without_autodiff())
    }

    /// Runs new columns against the cache and fills it; final hidden states of the new columns.
    ///
    /// Prompts of different lengths are padded on the left: `padding[row]` columns of the cache are
    /// no tokens, are never attended to, and positions count from the first real one. Hidden states
    /// at padded columns are finite and meaningless. Meant for a frozen model: a tracked one would
    /// keep its graph.
    ///
    /// # Shapes
    /// - `ids`: `[batch, columns]`; output: `[batch, columns, width]`
    ///
    /// # Panics
    /// If the cache has no room for the columns, or `padding` or the cache is for another batch.
    pub fn forward_cached(&self, ids: Tensor<2, Int>, padding: &[usize], cache: &mut KvCache) -> Tensor<3> {
        let [batch, columns] = ids.dims();
        let start = cache.len();
        assert_eq!(padding.len(), batch, "one padding for each row");
        assert_eq!(cache.rows(), batch, "one row of the cache for each row of ids");
        assert!(start + columns <= cache.capacity(), "the cache has no room for {columns} columns");
        let device = ids.device().without_autodiff();
        let at = placement(padding, start, columns, &device);
        let rotary = self.rotary(at.positions(), &device);
        let heads = Heads::of(&self.config);
        let mut hidden = self.embed(ids);
        for (layer, cached) in self.layers.iter().zip(&mut cache.layers) {
            hidden = layer.forward(hidden, heads, &rotary, at.mask(), Some(Seen::Padded(cached)));
        }
        cache.advance(columns);
        self.final_norm(hidden)
    }
}

/// Columns `start..start + columns` of rows that begin with `padding` columns of nothing.
fn placement(padding: &[usize], start: usize, columns: usize, device: &Device) -> Placement {
    let positions: Vec<Vec<u32>> = padding
        .iter()
        .map(|&pad| (start..start + columns).map(|column| column.saturating_sub(pad) as u32).collect())
        .collect();
    let allowed = |row: usize, query: usize, key: usize| {
        let query = start + query;
        // A padded column sees itself, so that no row of scores is empty.
        key == query || (key <= query && key >= padding[row])
    };
    Placement::from_fn(padding.len(), columns, start + columns, &positions, allowed, device)
}
