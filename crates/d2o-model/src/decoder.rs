//! The decoder: embedding, layers, final norm, head.

use std::ops::Range;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor};
use d2o_kernels::HalfMatrix;

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
    /// The tied head rounded to bf16, of a model that only samples.
    #[module(skip)]
    pub(crate) half_head: Option<Arc<HalfMatrix>>,
    #[module(skip)]
    pub(crate) config: ModelConfig,
}

impl CausalLm {
    /// The architecture.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where the weights are: of a model that trains, the autodiff device.
    pub fn device(&self) -> Device {
        self.tracked_device().unwrap_or_else(|| self.embedding.val().device())
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
        // Plain ids keep a frozen embedding's output out of any graph.
        let ids = ids.without_autodiff().reshape([batch * len]);
        let rows = self.embedding.val().select(0, ids);
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
        self.layers[range].iter().fold(hidden, |hidden, layer| layer.forward(hidden, heads, &rotary, at.mask(), None))
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
        if let Some(half) = &self.half_head {
            return half.forward(hidden);
        }
        match &self.head {
            Some(head) => head.forward(hidden.unsqueeze_dim(0)).squeeze_dim(0),
            None => tied_logits(hidden, self.embedding.val()),
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
        assert!(chunk > 0, "a chunk holds at least one row");
        let targets = targets.without_autodiff();
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

    pub(crate) fn rotary(&self, positions: &[Vec<u32>], device: &Device) -> Rotary {
        let device = device.clone().without_autodiff();
        Rotary::new(positions, self.config.head_dim, self.config.rope_theta, &device)
    }
}

/// `h Eᵀ` of the embedding `E`, `[vocab, width]`.
///
/// A product with a transposed right side packs all of it anew, which outweighs the arithmetic of a
/// decoding step; `(E hᵀ)ᵀ` reads it as it lies, and pays while the result is small.
fn tied_logits(hidden: Tensor<2>, embedding: Tensor<2>) -> Tensor<2> {
    const FEW_ROWS: usize = 32;
    let [rows, _] = hidden.dims();
    if rows <= FEW_ROWS {
        embedding.matmul(hidden.transpose()).transpose()
    } else {
        hidden.matmul(embedding.transpose())
    }
}
