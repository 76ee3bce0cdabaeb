//! Keys and values of the tokens seen so far.

use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_kernels::{Fresh, RaggedCache};

use super::keys_values::KeysValues;
use crate::config::ModelConfig;

/// A preallocated cache of keys and values for a batch of rows.
#[derive(Clone, Debug)]
pub struct KvCache {
    pub(crate) layers: Vec<LayerCache>,
    rows: usize,
    len: usize,
    capacity: usize,
}

/// One layer's keys and values, `[batch, kv_heads, capacity, head_dim]`.
#[derive(Clone, Debug)]
pub(crate) struct LayerCache {
    /// Absent only while a write owns the buffers: the write is then in place.
    buffers: Option<(Tensor<4>, Tensor<4>)>,
    len: usize,
}

/// What a layer's new tokens see besides each other, or leave for later ones.
pub(crate) enum KvAccess<'a> {
    /// Rows padded to one length.
    Padded(&'a mut LayerCache),
    /// Rows of their own lengths.
    Ragged { cache: &'a mut RaggedCache, layer: usize, rows: &'a [Fresh] },
    /// Nothing else: a prompt, whose keys and values go here.
    Record(&'a mut Option<KeysValues>),
    /// A prompt that was recorded.
    Prompt(&'a KeysValues),
}

impl KvCache {
    pub(crate) fn new(config: &ModelConfig, batch: usize, capacity: usize, device: &Device) -> Self {
        let shape = [batch, config.kv_heads, capacity, config.head_dim];
        let layer =
            || LayerCache { buffers: Some((Tensor::zeros(shape, device), Tensor::zeros(shape, device))), len: 0 };
        Self { layers: config.layers.iter().map(|_| layer()).collect(), rows: batch, len: 0, capacity }
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns that are filled, padding included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was seen yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Columns that can be filled.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn advance(&mut self, columns: usize) {
        self.len += columns;
    }

    /// The cache of these rows only, in this order; a row may be named more than once.
    ///
    /// # Panics
    /// If a row is not in the batch.
    pub fn select_rows(self, rows: &[usize]) -> Self {
        assert!(rows.iter().all(|&row| row < self.rows), "rows {rows:?} of {}", self.rows);
        if rows.iter().copied().eq(0..self.rows) {
            return self;
        }
        let indices: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let select = |tensor: Tensor<4>| {
            let indices = Tensor::<1, Int>::from_data(TensorData::from(indices.as_slice()), &tensor.device());
            tensor.select(0, indices)
        };
        let layers = self.layers.into_iter().map(|layer| LayerCache {
            buffers: layer.buffers.map(|(keys, values)| (select(keys), select(values))),
            len: layer.len,
        });
        Self { layers: layers.collect(), rows: rows.len(), ..self }
    }
}

impl LayerCache {
    /// Writes new columns and returns views of all that are filled.
    pub(crate) fn append(&mut self, keys: Tensor<4>, values: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let [batch, heads, columns, dim] = keys.dims();
        let start = self.len;
        let end = start + columns;
        let (cached_keys, cached_values) = self.buffers.take().expect("the cache holds its buffers between writes");
        let ranges = [0..batch, 0..heads, start..end, 0..dim];
        let cached_keys = cached_keys.slice_assign(ranges.clone(), keys);
        let cached_values = cached_values.slice_assign(ranges, values);
        let views = (cached_keys.clone().narrow(2, 0, end), cached_values.clone().narrow(2, 0, end));
        self.buffers = Some((cached_keys, cached_values));
        self.len = end;
        views
    }
}
