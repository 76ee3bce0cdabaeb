//! What the layers share in one pass: rotary tables, and which keys each query attends to.

use burn::tensor::{Device, Tensor};
use d2o_kernels::Spans;

use super::placement::{AttentionPattern, Placement};
use super::rotary::Rotary;
use crate::config::{LayerSpec, ModelConfig};

/// Rotary tables and attention patterns of one pass, one for each kind of layer.
pub(crate) struct PassContext {
    rotaries: Vec<Rotary>,
    /// By the width of the window.
    patterns: Vec<(Option<usize>, AttentionPattern)>,
}

/// Where the tokens of one layer stand and what they attend to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerContext<'a> {
    /// Absent where the layer rotates nothing.
    pub(crate) rotary: Option<&'a Rotary>,
    /// `[batch or 1, 1, 1, queries, keys]`, added to the scores; absent where all keys are attended to.
    pub(crate) mask: Option<&'a Tensor<5>>,
    /// What attends to what, where the kernels can be told so.
    pub(crate) spans: Option<&'a Spans>,
    /// A token attends to this many last positions; absent: all.
    pub(crate) window: Option<usize>,
}

impl PassContext {
    /// Of tokens at the places `at`; with `kernels`, attention takes spans where there are any.
    pub(crate) fn new(config: &ModelConfig, at: &Placement, kernels: bool, device: &Device) -> Self {
        let mut patterns: Vec<(Option<usize>, AttentionPattern)> = Vec::new();
        for spec in &config.layers {
            if patterns.iter().any(|(window, _)| *window == spec.window) {
                continue;
            }
            let spans = at.spans().filter(|_| kernels && !spec.window.is_some_and(|window| at.window_hides(window)));
            let pattern = match spans {
                Some(spans) => AttentionPattern::Spans(spans.clone()),
                None => AttentionPattern::Mask(at.mask(spec.window)),
            };
            patterns.push((spec.window, pattern));
        }
        Self { patterns, ..Self::without_pattern(config, at, device) }
    }

    /// The same for attention that knows by itself what attends to what.
    pub(crate) fn without_pattern(config: &ModelConfig, at: &Placement, device: &Device) -> Self {
        let device = device.clone().without_autodiff();
        let rotaries = config.ropes().iter().map(|rope| Rotary::new(at.positions(), rope, &device)).collect();
        Self { rotaries, patterns: Vec::new() }
    }

    /// The part of one layer.
    pub(crate) fn of_layer(&self, spec: &LayerSpec) -> LayerContext<'_> {
        let (spans, mask) = match self.patterns.iter().find(|(window, _)| *window == spec.window) {
            Some((_, AttentionPattern::Spans(spans))) => (Some(spans), None),
            Some((_, AttentionPattern::Mask(mask))) => (None, mask.as_ref()),
            None => (None, None),
        };
        LayerContext { rotary: spec.rope.map(|index| &self.rotaries[index]), mask, spans, window: spec.window }
    }
}
