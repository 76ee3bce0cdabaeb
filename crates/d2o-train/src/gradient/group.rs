//! One group's share of the gradient, streamed: memory does not grow with the number of anchors.
//!
//! For losses `f(h)` with `h` linear in the scores, `∇L = w · Σ_j c_j ∇s_j` with `c_j` known before
//! and the one number `w` known after all scores. So the responses run forward and backward in
//! packed chunks, `Σ_j c_j ∇s_j` grows in one buffer of the group, and the buffer enters the step's
//! sum multiplied by `w`. This is the exact gradient, not an approximation. A group that fits into one
//! chunk needs no buffer: its scores are known when its only backward begins.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, group_ranges, score};
use d2o_objective::{Group, ObjectiveConfig, Scored, log_one_minus_exp};

use super::chunks::Chunks;
use crate::activation_cache::{ActivationCache, GroupActivations};
use crate::group::TrainingGroup;
use crate::guarded::GuardedObjective;
use crate::optim::gradients::GradientSum;

/// One group on its way through a step.
pub struct GroupPass<'a> {
    /// The tracked model.
    pub policy: &'a CausalLm,
    /// The loss.
    pub loss: &'a GuardedObjective,
    /// The group.
    pub group: &'a TrainingGroup,
    /// What the group's gradient is multiplied by.
    pub scale: f64,
    /// How it is cut into forward passes.
    pub chunking: Chunking,
}

impl GroupPass<'_> {
    /// Adds `scale · ∇L(group)` to `sum` and returns the group's scores, untracked.
    ///
    /// Objectives without a streamed form (see [`ObjectiveConfig::streaming`](d2o_objective::ObjectiveConfig::streaming))
    /// and those with guards, which depend on the scores, take one more forward pass for the scores of a group in
    /// several chunks; their gradient is as exact.
    pub fn accumulate(&self, activations: GroupActivations<'_>, sum: &mut GradientSum) -> Group {
        let Self { policy, loss, group, scale, chunking } = *self;
        let objective = &loss.objective;
        let device = policy.device().without_autodiff();
        let responses = group.responses();
        if !objective.needs_avoidance() && group_ranges(group.prompt.len(), &responses, chunking.tokens).len() == 1 {
            return self.at_once(&responses, activations, sum);
        }
        let anchors = group.anchors.len();
        if let Some(streaming) = objective.streaming(anchors).filter(|_| !loss.guards.act_on_scores()) {
            let coefficients = coefficients(group, &device, |index, tokens| {
                let rule = if index < anchors { streaming.anchor } else { streaming.rejected };
                rule.at(tokens)
            });
            let mut buffer = GradientSum::default();
            let through = if objective.needs_avoidance() { Through::Avoidance } else { Through::LogProb };
            let backward = Backward { policy, group, chunking, coefficients, through };
            let (scores, avoidance) = backward.run(activations, &mut buffer);
            let rejected_avoidance = avoidance.map(|of_all| of_all.narrow(0, anchors, 1));
            let group = Group { rejected_avoidance, ..scored(group, scores, &device) };
            let weight = objective.weight(&group).expect("a streamed objective has a weight");
            if let Some(gradients) = buffer.take() {
                sum.add_scaled(policy, gradients, Some(weight.mul_scalar(scale)));
            }
            group
        } else {
            let scores = score(&policy.frozen(), &group.prompt, &responses, chunking);
            let first = scored(group, scores, &device);
            let coefficients = loss.score_gradients(&first).mul_scalar(scale);
            let through = Through::LogProb;
            Backward { policy, group, chunking, coefficients, through }.run(activations, sum);
            first
        }
    }

    /// All responses in one forward and one backward pass.
    fn at_once(&self, responses: &[&[u32]], activations: GroupActivations<'_>, sum: &mut GradientSum) -> Group {
        let device = self.policy.device().without_autodiff();
        let mut chunks = Chunks::new(self.policy, &self.group.prompt, responses, self.chunking, activations);
        let (packed, log_probs) = chunks.forward(0);
        let tracked = packed.summed(log_probs);
        let group = scored(self.group, tracked.clone().inner(), &device);
        let coefficients = self.loss.score_gradients(&group).mul_scalar(self.scale);
        let mut gradients = (tracked * coefficients).sum().backward();
        sum.add_scaled(self.policy, GradientsParams::from_module(&mut gradients, self.policy), None);
        group
    }
}

/// [`GroupPass::accumulate`] of a single group, without guards and with nothing kept.
pub fn accumulate(
    policy: &CausalLm,
    objective: &ObjectiveConfig,
    group: &TrainingGroup,
    scale: f64,
    chunking: Chunking,
    sum: &mut GradientSum,
) -> Group {
    let loss = &GuardedObjective::from(*objective);
    let pass = GroupPass { policy, loss, group, scale, chunking };
    pass.accumulate(ActivationCache::default().group(0), sum)
}

/// Which sum over a response's tokens the coefficients multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// `s = Σ_t log p_t`.
    LogProb,
    /// `u = Σ_t log(1 − p_t)`.
    Avoidance,
}

/// A backward pass over all responses of a group with given coefficients.
pub(super) struct Backward<'a> {
    /// The tracked model.
    pub(super) policy: &'a CausalLm,
    /// The group.
    pub(super) group: &'a TrainingGroup,
    /// How it is cut into forward passes.
    pub(super) chunking: Chunking,
    /// `c_j` of each response, the anchors first, `[k + 1]`.
    pub(super) coefficients: Tensor<1>,
    /// Which sum they multiply.
    pub(super) through: Through,
}

impl Backward<'_> {
    /// Runs the responses chunk by chunk, adds `Σ_j c_j ∇s_j` (or `∇u_j`) to `sum` and returns the scores `s`,
    /// with `u` where the gradient goes through it.
    pub(super) fn run(
        &self,
        activations: GroupActivations<'_>,
        sum: &mut GradientSum,
    ) -> (Tensor<1>, Option<Tensor<1>>) {
        let (mut scores, mut avoidance) = (Vec::new(), Vec::new());
        let responses = self.group.responses();
        let mut chunks = Chunks::new(self.policy, &self.group.prompt, &responses, self.chunking, activations);
        for chunk in 0..chunks.len() {
            let (packed, per_token) = chunks.forward(chunk);
            let tracked = match self.through {
                Through::LogProb => {
                    let summed = packed.summed(per_token);
                    scores.push(summed.clone().inner());
                    summed
                }
                Through::Avoidance => {
                    let avoided = packed.summed(log_one_minus_exp(per_token.clone()));
                    scores.push(packed.summed(per_token.inner()));
                    avoidance.push(avoided.clone().inner());
                    avoided
                }
            };
            let coefficients = self.coefficients.clone().slice([chunks.range(chunk)]);
            let loss = chunks.with_prompt(chunk, (tracked * coefficients).sum());
            let mut gradients = loss.backward();
            chunks.gather(&mut gradients);
            sum.add_scaled(self.policy, GradientsParams::from_module(&mut gradients, self.policy), None);
        }
        let avoidance = (!avoidance.is_empty()).then(|| Tensor::cat(avoidance, 0));
        (Tensor::cat(scores, 0), avoidance)
    }
}

fn coefficients(group: &TrainingGroup, device: &Device, of: impl Fn(usize, usize) -> f64) -> Tensor<1> {
    let values: Vec<f32> =
        group.responses().iter().enumerate().map(|(index, ids)| of(index, ids.len()) as f32).collect();
    Tensor::from_data(TensorData::from(values.as_slice()), device)
}

/// The operands of the objective, from the policy's scores `[k + 1]` and the stored reference's.
pub(super) fn scored(group: &TrainingGroup, scores: Tensor<1>, device: &Device) -> Group {
    let k = group.anchors.len();
    let floats = |values: Vec<f32>| Tensor::<1>::from_data(TensorData::from(values.as_slice()), device);
    Group::new(
        Scored {
            policy: scores.clone().narrow(0, 0, k).reshape([1, k as i64]),
            reference: floats(group.anchors.iter().map(|a| a.reference as f32).collect()).reshape([1, k as i64]),
            tokens: floats(group.anchors.iter().map(|a| a.ids.len() as f32).collect()).reshape([1, k as i64]),
        },
        Scored {
            policy: scores.narrow(0, k, 1),
            reference: floats(vec![group.rejected.reference as f32]),
            tokens: floats(vec![group.rejected.ids.len() as f32]),
        },
    )
}
