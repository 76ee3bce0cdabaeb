//! Retain rows: ordinary prompts on which the policy is held to the base, beside the groups of a step.

use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, Continuation, Packed, chunk_ranges, weighted_divergence};

use crate::group::Example;
use crate::optim::gradients::GradientSum;
use crate::optim::order::Order;

/// A penalty for leaving the base where nothing was wrong with it.
///
/// Per row, `KL = (1/T) Σ_t w_t Σ_v π_r(v | x, y_<t) log(π_r(v | x, y_<t) / π_θ(v | x, y_<t))`, nats per
/// token, over the whole vocabulary and the positions of a given answer; `w_t` is [`opening`](Self::opening)
/// on its first [`OPENING`] tokens and 1 after them. Its gradient is exactly zero
/// where the policy is the base; the likelihood of the same answers has a gradient there, which is noise.
pub struct Retain<'a> {
    /// The frozen base `π_r`.
    pub base: &'a CausalLm,
    /// Prompts with the base's own answers.
    pub rows: Vec<Example>,
    /// Which rows each step sees.
    pub order: Order,
    /// What the rows' mean KL is multiplied by before it is added to the loss.
    pub weight: f64,
    /// What the first tokens of an answer count, where it is decided whether to answer or to decline: a
    /// policy that declines every second time differs from the base at one token in thirty.
    pub opening: f64,
}

/// How many tokens open an answer.
pub const OPENING: usize = 4;

impl Retain<'_> {
    /// Adds the gradient of `weight · mean KL` over the rows of `step` to `sum`.
    ///
    /// Returns the mean KL, nats per token, untracked, `[1]`. `policy` is the tracked model.
    pub fn accumulate(&self, policy: &CausalLm, step: usize, chunking: Chunking, sum: &mut GradientSum) -> Tensor<1> {
        let rows: Vec<&Example> = self.order.step(step).iter().map(|&index| &self.rows[index]).collect();
        let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids()).collect();
        let share = 1.0 / rows.len() as f64;
        let divergences = chunk_ranges(0, &ids, chunking.tokens)
            .into_iter()
            .map(|range| {
                let divergence = self.divergence(policy, &rows[range], chunking).mul_scalar(share);
                let value = divergence.clone().inner();
                let mut gradients = divergence.mul_scalar(self.weight).backward();
                sum.add_scaled(policy, GradientsParams::from_module(&mut gradients, policy), None);
                value
            })
            .collect();
        Tensor::cat(divergences, 0).sum()
    }

    /// `Σ_rows KL(base ‖ policy)` on the rows' answers, nats per token, `[1]`; tracked where `policy` is.
    ///
    /// The rows are packed into one sequence, and what lies below the first layer that trains is computed once for both models.
    fn divergence(&self, policy: &CausalLm, rows: &[&Example], chunking: Chunking) -> Tensor<1> {
        let device = self.base.device();
        let whole: Vec<Continuation<'_>> =
            rows.iter().map(|row| Continuation { ids: row.ids(), unscored: row.prompt().len() }).collect();
        let packed = Packed::continuations(&[], &whole, &device);
        let first = policy.first_trainable_layer();
        let entering = packed.entering(self.base, first);
        let reference = packed.predicting_hidden_from(self.base, first, entering.clone());
        let hidden = match first {
            0 => packed.predicting_hidden(policy),
            _ => packed.predicting_hidden_from(policy, first, entering),
        };
        let weights: Vec<f32> = rows.iter().flat_map(|row| self.weights(row.response().len())).collect();
        weighted_divergence((self.base, reference), (policy, hidden), &weights, chunking.head_rows)
    }

    /// `w_t / T` for an answer of `T` tokens.
    fn weights(&self, tokens: usize) -> impl Iterator<Item = f32> {
        let opening = self.opening;
        (0..tokens).map(move |at| (if at < OPENING { opening } else { 1.0 } / tokens as f64) as f32)
    }
}
