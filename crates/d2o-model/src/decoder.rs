//! The decoder: embedding, layers, final norm, head.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::cache::KvCache;
use crate::config::ModelConfig;
use crate::layer::{Heads, Layer, RmsNorm};
use crate::linear::Linear;
use crate::placement::Placement;
use crate::rotary::Rotary;

/// A causal decoder with its head kept apart, so that logits are made only where someone reads them.
#[derive(Module, Debug)]
pub struct CausalLm {
    /// `[vocab, width]`.
    pub(crate) embedding: Param<Tensor<2>>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: RmsNorm,
    /// Absent where the head is the embedding's transpose.
    pub(crate) head: Option<Linear>,
    #[module(skip)]
    pub(crate) config: ModelConfig,
}

impl CausalLm {
    /// The architecture.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where the weights are: of a model that trains, the autodiff device.
    ///
    /// # Panics
    /// If the model has no layers, which a configuration cannot say.
    pub fn device(&self) -> Device {
        let last = self.layers.last().expect("a decoder has layers");
        let adapted = last.query.adapter.as_ref().or(last.value.adapter.as_ref());
        adapted.map_or_else(|| last.device(), |adapter| adapter.a.val().device())
    }

    /// Number of decoder layers.
    pub fn layers_len(&self) -> usize {
        self.layers.len()
    }

    /// Token embeddings.
    ///
    /// # Shapes
    /// - `ids`: `[batch, len]`; output: `[batch, len, width]`
    pub fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [batch, len] = ids.dims();
        let rows = self.embedding.val().select(0, ids.reshape([batch * len]));
        rows.reshape([batch, len, self.config.hidden_size])
    }

    /// Runs the layers of `range`.
    ///
    /// # Shapes
    /// - `hidden` and output: `[batch, len, width]`
    ///
    /// # Panics
    /// If `range` goes beyond the layers or `at` was made for other tokens.
    pub fn run_layers(&self, hidden: Tensor<3>, range: Range<usize>, at: &Placement) -> Tensor<3> {
        let rotary = self.rotary(at.positions(), &hidden.device());
        let heads = Heads::of(&self.config);
        self.layers[range]
            .iter()
            .fold(hidden, |hidden, layer| layer.forward(hidden, heads, &rotary, at.mask(), None))
    }

    /// The normalisation before the head.
    ///
    /// # Shapes
    /// - `hidden` and output: `[batch, len, width]`
    pub fn final_norm(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.norm.forward(hidden)
    }

    /// Final hidden states: embedding, all layers, norm.
    ///
    /// # Shapes
    /// - `ids`: `[batch, len]`; output: `[batch, len, width]`
    pub fn hidden(&self, ids: Tensor<2, Int>, at: &Placement) -> Tensor<3> {
        let hidden = self.run_layers(self.embed(ids), 0..self.layers.len(), at);
        self.final_norm(hidden)
    }

    /// Next-token logits after each row of final hidden states.
    ///
    /// # Shapes
    /// - `hidden`: `[rows, width]`; output: `[rows, vocab]`
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        match &self.head {
            Some(head) => head.forward(hidden.unsqueeze_dim(0)).squeeze_dim(0),
            None => hidden.matmul(self.embedding.val().transpose()),
        }
    }

    /// Log-probability of each row's target, `log softmax(logits)[target]`, nats.
    ///
    /// The head runs on `chunk` rows at a time. A tracked forward keeps the chunks' logits for its
    /// backward; an untracked one holds one chunk.
    ///
    /// # Shapes
    /// - `hidden`: `[rows, width]`; `targets`: `[rows]`; output: `[rows]`
    ///
    /// # Panics
    /// If `chunk` is zero or the shapes disagree.
    pub fn log_probs(&self, hidden: Tensor<2>, targets: Tensor<1, Int>, chunk: usize) -> Tensor<1> {
        let [rows, _] = hidden.dims();
        assert_eq!(targets.dims(), [rows], "one target for each row");
        let parts = hidden
            .split(chunk, 0)
            .into_iter()
            .zip(targets.split(chunk, 0))
            .map(|(hidden, targets)| {
                let log_probs = log_softmax(self.logits(hidden), 1);
                log_probs.gather(1, targets.unsqueeze_dim(1)).squeeze_dim(1)
            })
            .collect();
        Tensor::cat(parts, 0)
    }

    /// An empty cache for `batch` rows of at most `capacity` columns.
    pub fn new_cache(&self, batch: usize, capacity: usize) -> KvCache {
        KvCache::new(&self.config, batch, capacity, &self.device())
    }

    /// Runs new columns against the cache and fills it; final hidden states of the new columns.
    ///
    /// Prompts of different lengths are padded on the left: `padding[row]` columns of the cache are
    /// no tokens, are never attended to, and positions count from the first real one. Hidden states
    /// at padded columns are finite and meaningless.
    ///
    /// # Shapes
    /// - `ids`: `[batch, columns]`; output: `[batch, columns, width]`
    ///
    /// # Panics
    /// If the cache is full or `padding` is not one number a row.
    pub fn forward_cached(&self, ids: Tensor<2, Int>, padding: &[usize], cache: &mut KvCache) -> Tensor<3> {
        let [batch, columns] = ids.dims();
        let start = cache.len();
        assert_eq!(padding.len(), batch, "one padding for each row");
        assert!(start + columns <= cache.capacity(), "the cache is full");
        let positions: Vec<Vec<u32>> = padding
            .iter()
            .map(|&pad| (start..start + columns).map(|column| column.saturating_sub(pad) as u32).collect())
            .collect();
        let device = ids.device();
        let allowed = |row: usize, query: usize, key: usize| {
            let query = start + query;
            // A padded column sees itself, so that no row of scores is empty.
            key == query || (key <= query && key >= padding[row])
        };
        let at = Placement::from_fn(batch, columns, start + columns, &positions, allowed, &device);
        let rotary = self.rotary(at.positions(), &device);
        let heads = Heads::of(&self.config);
        let mut hidden = self.embed(ids);
        for (layer, cached) in self.layers.iter().zip(&mut cache.layers) {
            hidden = layer.forward(hidden, heads, &rotary, at.mask(), Some(cached));
        }
        cache.advance(columns);
        self.final_norm(hidden)
    }

    fn rotary(&self, positions: &[Vec<u32>], device: &Device) -> Rotary {
        Rotary::new(positions, self.config.head_dim, self.config.rope_theta, &device.clone().without_autodiff())
    }

    /// Scalar parameters in all, adapters included.
    pub fn parameters(&self) -> usize {
        self.num_params()
    }
}

/// A weight read from a file, `[out, in]`, as the `[in, out]` that [`Linear`] holds.
pub(crate) fn transposed(values: &[f32], out: usize, width: usize) -> Vec<f32> {
    let mut result = vec![0f32; values.len()];
    // Blocks keep both sides in the cache.
    const BLOCK: usize = 32;
    for row0 in (0..out).step_by(BLOCK) {
        for column0 in (0..width).step_by(BLOCK) {
            for row in row0..(row0 + BLOCK).min(out) {
                for column in column0..(column0 + BLOCK).min(width) {
                    result[column * out + row] = values[row * width + column];
                }
            }
        }
    }
    result
}

pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
