//! One group's share of the gradient of a guarded objective.

use burn::tensor::Tensor;
use d2o_model::CausalLm;
use d2o_objective::{Group, Guards, ObjectiveConfig};

use super::gradients::GradientSum;
use super::group::TrainingGroup;
use super::step::{Chunking, Through, accumulate, backward, score, scored};

/// An objective with the guards around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guarded {
    /// The loss.
    pub objective: ObjectiveConfig,
    /// What holds a long run; all off gives the loss as published.
    pub guards: Guards,
}

impl Guarded {
    /// Adds `scale · ∇L(group)` to `sum` and returns the group's scores, untracked.
    ///
    /// Guards depend on the scores, so with any of them on there is one more forward pass; the gradient is exact
    /// either way.
    pub fn accumulate(
        &self,
        policy: &CausalLm,
        group: &TrainingGroup,
        scale: f64,
        chunking: Chunking,
        sum: &mut GradientSum,
    ) -> Group {
        if self.guards.are_off() {
            return accumulate(policy, &self.objective, group, scale, chunking, sum);
        }
        let device = policy.device().without_autodiff();
        let responses = group.responses();
        let scores = score(&policy.frozen(), &group.prompt, &responses, chunking);
        let first = scored(group, scores, &device);
        let slopes = self.guards.score_gradients(&self.objective, &first);
        let anchors = group.anchors.len() as i64;
        let coefficients = Tensor::cat(vec![slopes.anchors.reshape([anchors]), slopes.rejected], 0);
        let coefficients = (coefficients.mul_scalar(scale), Through::LogProb);
        backward(policy, group, &responses, coefficients, chunking, sum);
        first
    }
}
