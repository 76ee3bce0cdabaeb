//! Anchors that are drawn anew from the policy while it trains: when, for which groups, and what is in force.
//!
//! What is drawn lies in every checkpoint of the steps that it serves, so that a killed run goes on with the same bits.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use d2o_model::CausalLm;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::group::{Response, TrainingGroup};
use crate::optim::order::Order;

/// Draws anchors with the policy as it is.
pub trait DrawAnchors {
    /// New anchors, with their reference scores, for `groups` before `step` (counted from 0). Groups for which it
    /// found none are left out. What it draws may depend on the weights, the step and a seed only.
    ///
    /// # Errors
    /// Sampling errors; [`TrainError::Interrupted`] once `interrupt` is set.
    fn draw(
        &self,
        policy: &CausalLm,
        groups: &BTreeSet<usize>,
        step: usize,
        interrupt: &AtomicBool,
    ) -> Result<DrawnAnchors, TrainError>;
}

/// What an [`DrawAnchors`] drew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawnAnchors {
    /// The anchors, by group.
    pub anchors: BTreeMap<usize, Vec<Response>>,
    /// Drafts thrown away.
    pub dropped: usize,
}

/// When anchors are drawn anew, and by whom.
pub struct Redraw<'a> {
    /// Steps that a draw serves, `R`, at least 1.
    pub every: usize,
    /// Steps before the first, `W`. The given anchors serve until then.
    pub after: usize,
    /// Who draws.
    pub source: Box<dyn DrawAnchors + 'a>,
}

impl Redraw<'_> {
    /// Whether anchors are drawn before `step`, counted from 0. Before the first step the policy is the base, and the
    /// given anchors are its own.
    #[must_use]
    pub fn is_due(&self, step: usize) -> bool {
        step > 0 && step >= self.after && (step - self.after).is_multiple_of(self.every)
    }

    /// The groups of the steps that a draw before `step` serves, in a run of `steps`.
    pub(crate) fn coming(&self, order: &Order, step: usize, steps: usize) -> BTreeSet<usize> {
        (step..steps.min(step.saturating_add(self.every))).flat_map(|step| order.step(step)).collect()
    }
}

/// Anchors that stand in place of the given ones, by group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Redrawn(BTreeMap<usize, Vec<Response>>);

impl Redrawn {
    /// These anchors in place of the given ones.
    #[must_use]
    pub fn new(anchors: BTreeMap<usize, Vec<Response>>) -> Self {
        Self(anchors)
    }

    /// Whether the given anchors serve every group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Groups with anchors of their own.
    pub fn groups(&self) -> impl Iterator<Item = usize> {
        self.0.keys().copied()
    }

    /// Anchors in all.
    #[must_use]
    pub fn anchors(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Group `index` as it trains: with its new anchors if it has any, else as it was given.
    #[must_use]
    pub fn group<'g>(&self, index: usize, given: &'g TrainingGroup) -> Cow<'g, TrainingGroup> {
        match self.0.get(&index) {
            Some(anchors) => Cow::Owned(TrainingGroup { anchors: anchors.clone(), ..given.clone() }),
            None => Cow::Borrowed(given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl DrawAnchors for Nobody {
        fn draw(
            &self,
            _: &CausalLm,
            _: &BTreeSet<usize>,
            _: usize,
            _: &AtomicBool,
        ) -> Result<DrawnAnchors, TrainError> {
            Ok(DrawnAnchors::default())
        }
    }

    #[test]
    fn a_draw_serves_the_steps_up_to_the_next() {
        let redraw = Redraw { every: 3, after: 2, source: Box::new(Nobody) };
        let due: Vec<usize> = (0..12).filter(|&step| redraw.is_due(step)).collect();
        assert_eq!(due, [2, 5, 8, 11]);
        // Never before the first step, where the policy is the base.
        assert!(!Redraw { every: 1, after: 0, source: Box::new(Nobody) }.is_due(0));
        let order = Order::new(4, 2, 7);
        // Steps 8 and 9 of a run of ten make a whole epoch of four groups; step 9 alone half of one.
        assert_eq!(redraw.coming(&order, 8, 10).len(), 4);
        assert_eq!(redraw.coming(&order, 9, 10).len(), 2);
    }

    #[test]
    fn new_anchors_stand_in_for_the_given_ones() {
        let response = |id: u32| Response { ids: vec![id], reference: -1.0 };
        let given = TrainingGroup {
            id: "g".to_owned(),
            prompt: vec![1],
            anchors: vec![response(2), response(3)],
            rejected: response(4),
        };
        let redrawn = Redrawn::new(BTreeMap::from([(5, vec![response(9), response(8)])]));
        assert_eq!(redrawn.group(5, &given).anchors, [response(9), response(8)]);
        assert_eq!(redrawn.group(5, &given).rejected, given.rejected);
        assert_eq!(redrawn.group(6, &given).as_ref(), &given);
        assert_eq!((redrawn.anchors(), redrawn.groups().collect::<Vec<_>>()), (2, vec![5]));
    }
}
