//! An objective with its guards: the loss that a run minimises.

use burn::tensor::Tensor;
use d2o_objective::{Group, Guards, ObjectiveConfig};

/// An objective with the guards around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guarded {
    /// The loss.
    pub objective: ObjectiveConfig,
    /// What holds a long run; all off gives the loss as published.
    pub guards: Guards,
}

impl From<ObjectiveConfig> for Guarded {
    /// The loss as published.
    fn from(objective: ObjectiveConfig) -> Self {
        Self { objective, guards: Guards::default() }
    }
}

impl Guarded {
    /// `∂L/∂s` of each response of one group, the anchors first, `[k + 1]`.
    pub fn slopes(&self, group: &Group) -> Tensor<1> {
        let slopes = if self.guards.act_on_scores() {
            self.guards.score_gradients(&self.objective, group)
        } else {
            self.objective.score_gradients(group)
        };
        let [_, anchors] = slopes.anchors.dims();
        Tensor::cat(vec![slopes.anchors.reshape([anchors as i64]), slopes.rejected], 0)
    }
}
