//! The decoder: embedding, layers, final norm.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_kernels::{WeightForm, is_on_cpu};

use super::context::PassContext;
use super::layer::Layer;
use super::linear::Linear;
use super::norm::Norm;
use super::placement::Placement;
use crate::config::ModelConfig;

/// A causal decoder with its head kept apart, so that logits are made only where someone reads them.
#[derive(Module, Debug)]
pub struct CausalLm {
    /// `[vocab, width]`.
    pub(crate) embedding: Param<Tensor<2>>,
    /// `[max_position_embeddings, width]`, where positions are learned.
    pub(crate) positions: Option<Param<Tensor<2>>>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Norm,
    /// Absent where the head is the embedding's transpose.
    pub(crate) head: Option<Linear>,
    /// How the embedding is multiplied where it is the head.
    #[module(skip)]
    pub(crate) tied_form: WeightForm,
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

    /// What enters the first layer: token embeddings, with what the family adds to them.
    ///
    /// # Shapes
    /// - `ids`: `[batch, len]`; output: `[batch, len, width]`
    ///
    /// # Panics
    /// If positions are learned and one of `at` lies beyond them.
    pub fn embed(&self, ids: Tensor<2, Int>, at: &Placement) -> Tensor<3> {
        let [batch, len] = ids.dims();
        // Plain ids keep a frozen embedding's output out of any graph.
        let ids = ids.without_autodiff().reshape([batch * len]);
        let device = ids.device();
        let mut x = self.embedding.val().select(0, ids).reshape([batch, len, self.config.hidden_size]);
        if let Some(scale) = self.config.embedding_scale {
            x = x.mul_scalar(scale);
        }
        match &self.positions {
            Some(positions) => x + learned(positions.val(), at.positions(), &device),
            None => x,
        }
    }

    /// Runs the layers of `range`.
    ///
    /// # Shapes
    /// - `hidden` and output: `[batch, len, width]`
    ///
    /// # Panics
    /// If `range` goes beyond the layers or `at` was made for other tokens.
    pub fn run_layers(&self, hidden: Tensor<3>, range: Range<usize>, at: &Placement) -> Tensor<3> {
        let context = self.context(at, &hidden.device());
        let layers = self.layers[range.clone()].iter().zip(&self.config.layers[range]);
        layers.fold(hidden, |hidden, (layer, spec)| layer.forward(hidden, context.of_layer(spec), None))
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
        let hidden = self.run_layers(self.embed(ids, at), 0..self.layers.len(), at);
        self.final_norm(hidden)
    }

    /// What the layers share in one pass.
    pub(crate) fn context(&self, at: &Placement, device: &Device) -> PassContext {
        let kernels = is_on_cpu(&self.embedding.val()) && self.config.attention.score_cap.is_none();
        PassContext::new(&self.config, at, kernels, device)
    }
}

/// `[rows, len, width]`: the learned vector of every position.
fn learned(vectors: Tensor<2>, positions: &[Vec<u32>], device: &Device) -> Tensor<3> {
    let [count, width] = vectors.dims();
    let flat: Vec<i64> = positions.iter().flatten().map(|&position| i64::from(position)).collect();
    assert!(flat.iter().all(|&position| position < count as i64), "a position beyond the {count} that are learned");
    let (rows, len) = (positions.len(), positions.first().map_or(0, Vec::len));
    let plain = device.clone().without_autodiff();
    let indices = Tensor::<1, Int>::from_data(TensorData::from(flat.as_slice()), &plain);
    vectors.select(0, indices).reshape([rows, len, width])
}
