//! The decoder: embedding, layers, final norm.

use std::ops::Range;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_kernels::{Bf16Matrix, Spans, is_on_cpu};

use crate::attention::Sight;
use crate::config::{LayerSpec, ModelConfig};
use crate::layer::Layer;
use crate::linear::Linear;
use crate::norm::Norm;
use crate::placement::Placement;
use crate::rotary::Rotary;

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
    /// The tied head rounded to bf16, of a model that only samples.
    #[module(skip)]
    pub(crate) half_head: Option<Arc<Bf16Matrix>>,
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
        let surroundings = self.surroundings(at, &hidden.device());
        let layers = self.layers[range.clone()].iter().zip(&self.config.layers[range]);
        layers.fold(hidden, |hidden, (layer, spec)| layer.forward(hidden, surroundings.sight(spec), None))
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
    pub(crate) fn surroundings(&self, at: &Placement, device: &Device) -> Surroundings {
        let kernels = is_on_cpu(&self.embedding.val()) && self.config.attention.score_cap.is_none();
        let mut seeing: Vec<(Option<usize>, Seeing)> = Vec::new();
        for spec in &self.config.layers {
            if seeing.iter().any(|(window, _)| *window == spec.window) {
                continue;
            }
            let spans = at.spans().filter(|_| kernels && !spec.window.is_some_and(|window| at.binds(window)));
            let how = spans.map_or_else(|| Seeing::Mask(at.mask(spec.window)), |spans| Seeing::Spans(spans.clone()));
            seeing.push((spec.window, how));
        }
        Surroundings { seeing, ..self.unmasked(at, device) }
    }

    /// The same for attention that knows by itself who sees whom.
    pub(crate) fn unmasked(&self, at: &Placement, device: &Device) -> Surroundings {
        let device = device.clone().without_autodiff();
        let rotaries = self.config.ropes().iter().map(|rope| Rotary::new(at.positions(), rope, &device)).collect();
        Surroundings { rotaries, seeing: Vec::new() }
    }
}

/// Rotary angles, and who sees whom, in one pass: one for each kind of layer.
pub(crate) struct Surroundings {
    rotaries: Vec<Rotary>,
    /// By the width of the window.
    seeing: Vec<(Option<usize>, Seeing)>,
}

/// How attention is told who sees whom.
#[expect(clippy::large_enum_variant, reason = "there are few for each pass")]
enum Seeing {
    Spans(Spans),
    Mask(Option<Tensor<5>>),
}

impl Surroundings {
    pub(crate) fn sight(&self, spec: &LayerSpec) -> Sight<'_> {
        let (spans, mask) = match self.seeing.iter().find(|(window, _)| *window == spec.window) {
            Some((_, Seeing::Spans(spans))) => (Some(spans), None),
            Some((_, Seeing::Mask(mask))) => (None, mask.as_ref()),
            None => (None, None),
        };
        Sight { rotary: spec.rope.map(|index| &self.rotaries[index]), mask, spans, window: spec.window }
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
