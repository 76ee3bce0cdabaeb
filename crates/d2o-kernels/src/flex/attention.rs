//! [`span_attention`](crate::span_attention) with its backward.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::{FlexTensor, contiguous, slice, tensor};
use crate::cpu::attention::{Inputs, Results, backward, forward};
use crate::cpu::level::Level;
use crate::spans::{Heads, Spans};

pub(crate) fn span_attention(
    queries: Tensor<2>,
    keys: Tensor<2>,
    values: Tensor<2>,
    heads: Heads,
    spans: &Spans,
) -> Tensor<2> {
    let [queries, keys, values] = [queries, keys, values].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as AttentionOp>::span_attention(queries, keys, values, heads, spans.clone()))
}

/// Routed by the dispatching backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait AttentionOp: Backend {
    fn span_attention(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        heads: Heads,
        spans: Spans,
    ) -> FloatTensor<Self>;
}

impl AttentionOp for Flex {
    fn span_attention(
        queries: FlexTensor,
        keys: FlexTensor,
        values: FlexTensor,
        heads: Heads,
        spans: Spans,
    ) -> FlexTensor {
        attended(&[queries, keys, values].map(contiguous), heads, &spans).0
    }
}

fn inputs([queries, keys, values]: &[FlexTensor; 3]) -> Inputs<'_> {
    Inputs { queries: slice(queries), keys: slice(keys), values: slice(values) }
}

fn attended(parts: &[FlexTensor; 3], heads: Heads, spans: &Spans) -> (FlexTensor, Vec<f32>) {
    let (output, sums) = forward(Level::best(), inputs(parts), heads, spans);
    (tensor(output, parts[0].shape()), sums)
}

#[derive(Debug)]
struct AttentionBackward {
    heads: Heads,
    spans: Spans,
}

impl Backward<Flex, 3> for AttentionBackward {
    /// Inputs, output, logarithms of the sums.
    type State = ([FlexTensor; 3], FlexTensor, Vec<f32>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (parts, output, sums) = ops.state;
        let results = Results { output: slice(&output), sums: &sums, gradient: slice(&gradient) };
        let gradients = backward(Level::best(), inputs(&parts), results, self.heads, &self.spans);
        for ((node, gradient), part) in ops.parents.into_iter().zip(gradients).zip(&parts) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(gradient, part.shape()));
            }
        }
    }
}

impl<C: CheckpointStrategy> AttentionOp for Autodiff<Flex, C> {
    fn span_attention(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        heads: Heads,
        spans: Spans,
    ) -> FloatTensor<Self> {
        let ((queries, q), (keys, k), (values, v)) = (queries.into_parts(), keys.into_parts(), values.into_parts());
        let parts = [queries, keys, values].map(contiguous);
        let (output, sums) = attended(&parts, heads, &spans);
        match (AttentionBackward { heads, spans }).prepare::<C>([q, k, v]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((parts, output.clone(), sums), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}
