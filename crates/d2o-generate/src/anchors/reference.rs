//! Scores of the frozen base: what stands under the anchors and under the rejected answer.

use d2o_data::{DataError, EncodedRow};
use d2o_model::CausalLm;
use d2o_model::responses::{score, score_pairs, token_batches};
use d2o_text::Encoder;

use super::settings::{DrawSettings, ReferencePrompt};
use super::store::StoredAnchor;

/// Scores answers with the frozen base.
pub(super) struct References<'a> {
    /// The base.
    pub(super) model: &'a CausalLm,
    /// Its tokenizer and template.
    pub(super) encoder: &'a Encoder,
    /// What the answers are scored on.
    pub(super) settings: &'a DrawSettings,
}

impl References<'_> {
    /// Reference scores of a row's anchors and of its rejected answer, nats.
    ///
    /// On bare prompts both are scored in the same packed passes.
    pub(super) fn all(&self, row: &EncodedRow, anchors: &[StoredAnchor]) -> Result<(Vec<f64>, f64), DataError> {
        let (bare, settings) = (ReferencePrompt::Bare, self.settings);
        if (settings.reference, settings.rejected_reference) != (bare, bare) {
            return Ok((self.anchors(row, anchors)?, self.rejected(row)?));
        }
        let mut responses = ids_of(anchors);
        responses.push(&row.rejected_ids);
        let mut scores = self.on_bare_prompt(row, &responses);
        let rejected = scores.pop().expect("one score a response");
        Ok((scores, rejected))
    }

    /// Reference scores of a row's anchors, nats: on the bare prompt, or each behind its slot's instruction.
    pub(super) fn anchors(&self, row: &EncodedRow, anchors: &[StoredAnchor]) -> Result<Vec<f64>, DataError> {
        if self.settings.reference == ReferencePrompt::Bare {
            return Ok(self.on_bare_prompt(row, &ids_of(anchors)));
        }
        let pair = |anchor: &StoredAnchor| {
            Ok((self.settings.prompt_of_slot(self.encoder, row, anchor.slot)?, anchor.answer.ids.clone()))
        };
        let pairs = anchors.iter().map(pair).collect::<Result<Vec<_>, DataError>>()?;
        Ok(self.behind_prompts(&pairs))
    }

    /// The rejected answer's reference score, nats: on the bare prompt, or under what the anchors are drawn from, the
    /// mixture of the slots' instructions: `log (1/K) Σ_i π_r(y_l | I_i(x))`.
    fn rejected(&self, row: &EncodedRow) -> Result<f64, DataError> {
        if self.settings.rejected_reference == ReferencePrompt::Bare {
            return Ok(self.on_bare_prompt(row, &[&row.rejected_ids])[0]);
        }
        let k = self.settings.k;
        let different = k.min(self.settings.instructions.len());
        let pair = |slot| Ok((self.settings.prompt_of_slot(self.encoder, row, slot)?, row.rejected_ids.clone()));
        let pairs = (0..different).map(pair).collect::<Result<Vec<_>, DataError>>()?;
        let scores = self.behind_prompts(&pairs);
        let of_slots: Vec<f64> = (0..k).map(|slot| scores[slot % different]).collect();
        Ok(log_mean_exp(&of_slots))
    }

    fn on_bare_prompt(&self, row: &EncodedRow, responses: &[&[u32]]) -> Vec<f64> {
        score(self.model, &row.prompt_ids, responses, self.settings.chunking).into_data().iter::<f64>().collect()
    }

    fn behind_prompts(&self, pairs: &[(Vec<u32>, Vec<u32>)]) -> Vec<f64> {
        let chunking = self.settings.chunking;
        let batches = token_batches(pairs, chunking.tokens);
        let scores = |batch| score_pairs(self.model, &pairs[batch], chunking).into_data();
        batches.into_iter().flat_map(|batch| scores(batch).iter::<f64>().collect::<Vec<_>>()).collect()
    }
}

fn ids_of(anchors: &[StoredAnchor]) -> Vec<&[u32]> {
    anchors.iter().map(|anchor| anchor.answer.ids.as_slice()).collect()
}

/// `log (1/n) Σ exp(s_i)`, around the largest so that nothing underflows.
fn log_mean_exp(scores: &[f64]) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = scores.iter().map(|score| (score - largest).exp()).sum::<f64>() / scores.len() as f64;
    largest + mean.ln()
}

#[cfg(test)]
mod tests {
    use super::log_mean_exp;

    #[test]
    fn a_mixture_is_averaged_as_probabilities() {
        // (0.5 + 0.25 + 0.25 + 0.2) / 4 = 0.3.
        let probabilities = [0.5f64, 0.25, 0.25, 0.2];
        let far_down: Vec<f64> = probabilities.iter().map(|p| p.ln() - 2000.0).collect();
        assert!((log_mean_exp(&far_down) + 2000.0 - 0.3f64.ln()).abs() < 1e-9);
        assert_eq!(log_mean_exp(&[-7.5]), -7.5);
    }
}
