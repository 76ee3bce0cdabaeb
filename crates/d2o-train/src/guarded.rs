//! An objective with its guards: the loss that a run minimises.

use burn::tensor::Tensor;
use d2o_objective::{Group, Guards, ObjectiveConfig};

/// An objective with the guards around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuardedObjective {
    /// The loss.
    pub objective: ObjectiveConfig,
    /// What holds a long run; all off gives the loss as published.
    pub guards: Guards,
}

impl From<ObjectiveConfig> for GuardedObjective {
    /// The loss as published.
    fn from(objective: ObjectiveConfig) -> Self {
        Self { objective, guards: Guards::default() }
    }
}

impl GuardedObjective {
    /// `∂L/∂s` of each response of one group, the anchors first, `[k + 1]`.
    pub fn score_gradients(&self, group: &Group) -> Tensor<1> {
        let gradients = if self.guards.act_on_scores() {
            self.guards.score_gradients(&self.objective, group)
        } else {
            self.objective.score_gradients(group)
        };
        let [_, anchors] = gradients.anchors.dims();
        Tensor::cat(vec![gradients.anchors.reshape([anchors as i64]), gradients.rejected], 0)
    }
}
