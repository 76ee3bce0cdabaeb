//! One decoder layer: attention and feed-forward, each behind a normalisation and around a residual.

use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::{self, Attention, Separate};
use super::cache::KvAccess;
use super::context::LayerContext;
use super::feed_forward::{self, FeedForward, GateAndUp};
use super::linear::Linear;
use super::norm::Norm;

/// One decoder layer.
#[derive(Module, Debug)]
pub(crate) struct Layer {
    pub(crate) attention_norm: Norm,
    pub(crate) attention: Attention,
    /// Behind attention, before the residual is added.
    pub(crate) post_attention_norm: Option<Norm>,
    pub(crate) mlp_norm: Norm,
    pub(crate) mlp: FeedForward,
    /// Behind the feed-forward block, before the residual is added.
    pub(crate) post_mlp_norm: Option<Norm>,
}

impl Layer {
    /// `x` and output: `[batch, len, width]`.
    pub(crate) fn forward(&self, x: Tensor<3>, context: LayerContext<'_>, cache: Option<KvAccess<'_>>) -> Tensor<3> {
        let attended = self.attention.forward(self.attention_norm.forward(x.clone()), context, cache);
        let x = x + normed(self.post_attention_norm.as_ref(), attended);
        let fed = self.mlp.forward(self.mlp_norm.forward(x.clone()));
        x + normed(self.post_mlp_norm.as_ref(), fed)
    }

    /// The linear maps, in the order of [`names::linears`](crate::weights::names::linears).
    pub(crate) fn linears(&self) -> Vec<&Linear> {
        let mut linears = match &self.attention.inputs {
            attention::Inputs::Separate(Separate { query, key, value }) => vec![query, key, value],
            attention::Inputs::Fused(map) => vec![map],
        };
        linears.push(&self.attention.output);
        match &self.mlp.inputs {
            feed_forward::Inputs::GateAndUp(GateAndUp { gate, up }) => linears.extend([gate, up]),
            feed_forward::Inputs::GateUpFused(map) | feed_forward::Inputs::Up(map) => linears.push(map),
        }
        linears.push(&self.mlp.down);
        linears
    }

    /// The same, to be changed.
    pub(crate) fn linears_mut(&mut self) -> Vec<&mut Linear> {
        let mut linears = match &mut self.attention.inputs {
            attention::Inputs::Separate(Separate { query, key, value }) => vec![query, key, value],
            attention::Inputs::Fused(map) => vec![map],
        };
        linears.push(&mut self.attention.output);
        match &mut self.mlp.inputs {
            feed_forward::Inputs::GateAndUp(GateAndUp { gate, up }) => linears.extend([gate, up]),
            feed_forward::Inputs::GateUpFused(map) | feed_forward::Inputs::Up(map) => linears.push(map),
        }
        linears.push(&mut self.mlp.down);
        linears
    }

    /// The normalisations, in the order of [`names::norms`](crate::weights::names::norms).
    pub(crate) fn norms(&self) -> Vec<&Norm> {
        let always = [&self.attention_norm, &self.mlp_norm];
        let Attention { query_norm, key_norm, .. } = &self.attention;
        let sometimes = [&self.post_attention_norm, &self.post_mlp_norm, query_norm, key_norm];
        always.into_iter().chain(sometimes.into_iter().flatten()).collect()
    }
}

fn normed(norm: Option<&Norm>, x: Tensor<3>) -> Tensor<3> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x,
    }
}
