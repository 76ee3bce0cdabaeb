//! Anchors drawn anew from the policy now and then while it trains, as the store's were drawn from the base.
//!
//! What is drawn follows from the weights, the seed and the step.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use d2o_data::EncodedRow;
use d2o_eval::Habit;
use d2o_model::CausalLm;
use d2o_sampler::anchor_seed;
use d2o_text::Encoder;
use d2o_train::TrainError;
use d2o_train::redraw::{DrawAnchors, DrawnAnchors};

use super::draw::{BLOCK, Drawer};
use super::settings::DrawSettings;
use crate::weights::SamplingWeights;

/// Draws a policy's anchors as a store's are drawn.
pub struct Refresh<'a> {
    /// The frozen base, which scores what the policy draws.
    pub base: &'a CausalLm,
    /// Its tokenizer and template.
    pub encoder: &'a Encoder,
    /// How the store was drawn.
    pub settings: DrawSettings,
    /// What an anchor should not show.
    pub habit: &'a Habit,
    /// Type of the policy's weights while it draws.
    pub sampling: SamplingWeights,
    /// The row of each group.
    pub rows: Vec<&'a EncodedRow>,
}

impl DrawAnchors for Refresh<'_> {
    fn draw(
        &self,
        policy: &CausalLm,
        groups: &BTreeSet<usize>,
        step: usize,
        interrupt: &AtomicBool,
    ) -> Result<DrawnAnchors, TrainError> {
        let settings = DrawSettings { seed: anchor_seed(self.settings.seed, step, 0, 0), ..self.settings.clone() };
        let sampler = self.sampling.of(&policy.frozen());
        let (model, encoder, habit) = (self.base, self.encoder, self.habit);
        let drawer = Drawer { model, sampler, encoder, settings: &settings, habit, interrupt };
        let numbered: Vec<(usize, &EncodedRow)> = groups.iter().map(|&group| (group, self.rows[group])).collect();
        let mut all = DrawnAnchors::default();
        for block in numbered.chunks(BLOCK) {
            if interrupt.load(Ordering::Relaxed) {
                return Err(TrainError::Interrupted { step });
            }
            let (drawn, counts) = drawer.redraw(block).map_err(|error| error.in_training(step))?;
            all.dropped += counts.dropped();
            let filled = block.iter().zip(drawn).filter(|(_, anchors)| !anchors.is_empty());
            let responses = filled
                .map(|((group, _), anchors)| (*group, anchors.iter().map(|anchor| anchor.answer.response()).collect()));
            all.anchors.extend(responses);
        }
        Ok(all)
    }
}
