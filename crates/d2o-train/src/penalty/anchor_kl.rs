//! A penalty for leaving the base at the anchors' positions.

use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, Packed, group_ranges, weighted_divergence};

use crate::activation_cache::GroupActivations;
use crate::group::TrainingGroup;
use crate::optim::gradients::GradientSum;

/// What holds the policy to the base on the anchors of every group.
///
/// Per group `KL = (1/K) Σ_i (1/T_i) Σ_t Σ_v π_r(v | x, y_i,<t) log(π_r(v | x, y_i,<t) / π_θ(v | x, y_i,<t))`, nats per
/// token, over the whole vocabulary, both on the bare prompt. As with [retain rows](super::retain::Retain) its
/// gradient is exactly zero where the policy is the base.
pub struct AnchorKl<'a> {
    /// The frozen base `π_r`.
    pub base: &'a CausalLm,
    /// What the groups' mean KL is multiplied by before it is added to the loss.
    pub weight: f64,
}

impl AnchorKl<'_> {
    /// Adds the gradient of `scale · weight · KL` of one group to `sum`; returns the KL, nats per token, untracked, `[1]`.
    ///
    /// Below the first layer that trains the base and the policy are the same: that part is computed once, and a group
    /// in one chunk is packed as its objective sees it, so what the activation cache keeps of it serves here too.
    pub fn accumulate(
        &self,
        policy: &CausalLm,
        group: &TrainingGroup,
        scale: f64,
        chunking: Chunking,
        activations: GroupActivations<'_>,
        sum: &mut GradientSum,
    ) -> Tensor<1> {
        let responses = group.responses();
        let k = group.anchors.len();
        let mut parts = Vec::new();
        let ranges = group_ranges(group.prompt.len(), &responses, chunking.tokens);
        let mut activations = (ranges.len() == 1).then_some(activations);
        for range in ranges {
            // The rejected answer is the last: a chunk of it alone has no anchor's position.
            let anchors = &responses[range.start..range.end.min(k)];
            if anchors.is_empty() {
                continue;
            }
            let packed = Packed::new(&group.prompt, &responses[range.clone()], &self.base.device());
            let (reference, hidden) = self.hidden(policy, &packed, activations.as_mut());
            let shares: Vec<f32> =
                anchors.iter().flat_map(|ids| vec![1.0 / (k * ids.len()) as f32; ids.len()]).collect();
            let part = weighted_divergence((self.base, reference), (policy, hidden), &shares, chunking.head_rows);
            parts.push(part.clone().inner());
            let mut gradients = part.mul_scalar(self.weight * scale).backward();
            sum.add_scaled(policy, GradientsParams::from_module(&mut gradients, policy), None);
        }
        Tensor::cat(parts, 0).sum()
    }

    /// Final hidden states that predict the responses' tokens, of base and policy.
    fn hidden(
        &self,
        policy: &CausalLm,
        packed: &Packed,
        activations: Option<&mut GroupActivations<'_>>,
    ) -> (Tensor<2>, Tensor<2>) {
        let first = policy.first_trainable_layer();
        let entering = match activations {
            Some(activations) => activations.entering(0, || packed.entering(policy, first)),
            None => packed.entering(policy, first),
        };
        let reference = match first {
            // What enters the first layer may come from an embedding that trains.
            0 => packed.predicting_hidden(self.base),
            _ => packed.predicting_hidden_from(self.base, first, entering.clone()),
        };
        (reference, packed.predicting_hidden_from(policy, first, entering))
    }
}
