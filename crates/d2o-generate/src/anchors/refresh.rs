//! Anchors drawn anew from the policy now and then while it trains.
//!
//! Before every `R`-th step after `W` the groups of the coming `R` steps get new anchors, as the store's were drawn
//! but by the policy as it is then. What is drawn follows from the weights, the seed and the step, and lies in every
//! checkpoint of those steps, so that a killed run goes on with the same bits.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use d2o_data::Encoder;
use d2o_model::CausalLm;
use d2o_sampler::anchor_seed;
use serde::{Deserialize, Serialize};

use d2o_train::group::{Response, TrainingGroup};
use d2o_train::optim::order::Order;
use crate::anchors::draw::{BLOCK, DrawSettings, Drawer};
use crate::anchors::store::{DraftCounts, StoredAnchor};
use d2o::config::SamplingWeights;
use d2o_train::error::TrainError;
use d2o_train::prepared::PreparedRow;

/// When anchors are drawn anew, and what from.
pub struct Refresh<'a> {
    /// Steps that a draw serves, `R`, at least 1.
    pub every: usize,
    /// Steps before the first, `W`. The store's anchors serve until then.
    pub after: usize,
    /// The frozen base, which scores what the policy draws.
    pub base: &'a CausalLm,
    /// Its tokenizer and template.
    pub encoder: &'a Encoder,
    /// How the store was drawn.
    pub settings: DrawSettings,
    /// Type of the policy's weights while it draws.
    pub sampling: SamplingWeights,
    /// The row of each group.
    pub rows: Vec<&'a PreparedRow>,
}

/// Anchors that stand in place of the store's, by group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Redrawn(BTreeMap<usize, Vec<StoredAnchor>>);

impl Refresh<'_> {
    /// Whether anchors are drawn before `step`, counted from 0. Before the first step the policy is the base, and the
    /// store's anchors are its own.
    pub fn is_due(&self, step: usize) -> bool {
        step > 0 && step >= self.after && (step - self.after).is_multiple_of(self.every)
    }

    /// The groups of the coming steps from `step` on, of a run of `steps`.
    fn coming(&self, order: &Order, step: usize, steps: usize) -> BTreeSet<usize> {
        (step..steps.min(step.saturating_add(self.every))).flat_map(|step| order.step(step)).collect()
    }

    /// Draws the anchors of the steps from `step` on, of a run of `steps`. Groups of which no draft passed the
    /// filters are left to the store.
    ///
    /// # Errors
    /// Sampling and template errors; [`TrainError::Interrupted`] between two blocks of groups.
    pub fn draw(
        &self,
        policy: &CausalLm,
        (order, step, steps): (&Order, usize, usize),
        interrupt: &AtomicBool,
    ) -> Result<(Redrawn, DraftCounts), TrainError> {
        let settings = DrawSettings { seed: anchor_seed(self.settings.seed, step, 0, 0), ..self.settings.clone() };
        let sampler = self.sampling.of(&policy.frozen());
        let drawer = Drawer { model: self.base, sampler, encoder: self.encoder, settings: &settings, interrupt };
        let numbered: Vec<(usize, &PreparedRow)> =
            self.coming(order, step, steps).into_iter().map(|group| (group, self.rows[group])).collect();
        let (mut redrawn, mut counts) = (Redrawn::default(), DraftCounts::default());
        for block in numbered.chunks(BLOCK) {
            if interrupt.load(Ordering::Relaxed) {
                return Err(TrainError::Interrupted { step });
            }
            let (drawn, block_counts) = drawer.redraw(block)?;
            counts.add(&block_counts);
            let filled = block.iter().zip(drawn).filter(|(_, anchors)| !anchors.is_empty());
            redrawn.0.extend(filled.map(|((group, _), anchors)| (*group, anchors)));
        }
        Ok((redrawn, counts))
    }
}

impl Redrawn {
    /// Whether the store's anchors serve every group.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Groups with anchors of their own.
    pub fn groups(&self) -> impl Iterator<Item = usize> {
        self.0.keys().copied()
    }

    /// Anchors in all.
    pub fn anchors(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Group `index` as it trains: with its new anchors if it has any, else as it is stored.
    pub fn group<'g>(&self, index: usize, stored: &'g TrainingGroup) -> Cow<'g, TrainingGroup> {
        let response =
            |anchor: &StoredAnchor| Response { ids: anchor.answer.ids.clone(), reference: anchor.answer.reference };
        match self.0.get(&index) {
            Some(anchors) => {
                let anchors = anchors.iter().map(response).collect();
                Cow::Owned(TrainingGroup { anchors, ..stored.clone() })
            }
            None => Cow::Borrowed(stored),
        }
    }
}
