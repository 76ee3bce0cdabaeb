//! Retain rows: ordinary prompts on which the policy is held to the base, beside the groups of a step.

use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use d2o_data::Sequence;
use d2o_model::CausalLm;

use super::gradients::GradientSum;
use super::order::Order;
use super::pack::Packed;
use super::step::Chunking;

/// A penalty for leaving the base where nothing was wrong with it.
///
/// Per row, `KL = (1/T) Σ_t Σ_v π_r(v | x, y_<t) log(π_r(v | x, y_<t) / π_θ(v | x, y_<t))`, nats per
/// token, over the whole vocabulary and the positions of a given answer. Its gradient is exactly zero
/// where the policy is the base; the likelihood of the same answers has a gradient there, which is noise.
pub struct Retain<'a> {
    /// The frozen base `π_r`.
    pub base: &'a CausalLm,
    /// Prompts with the base's own answers.
    pub rows: Vec<Sequence>,
    /// Which rows each step sees.
    pub order: Order,
    /// What the rows' mean KL is multiplied by before it is added to the loss.
    pub weight: f64,
}

impl Retain<'_> {
    /// Adds the gradient of `weight · mean KL` over the rows of `step` to `sum`.
    ///
    /// Returns the mean KL, nats per token, untracked, `[1]`. `policy` is the tracked model.
    pub fn accumulate(&self, policy: &CausalLm, step: usize, chunking: Chunking, sum: &mut GradientSum) -> Tensor<1> {
        let rows = self.order.step(step);
        let share = 1.0 / rows.len() as f64;
        let divergences = rows
            .iter()
            .map(|&index| {
                let divergence = divergence(self.base, policy, &self.rows[index], chunking);
                let value = divergence.clone().inner();
                let mut gradients = divergence.mul_scalar(self.weight * share).backward();
                sum.add_scaled(policy, GradientsParams::from_module(&mut gradients, policy), None);
                value
            })
            .collect();
        Tensor::cat(divergences, 0).mean()
    }
}

/// `KL(base ‖ policy)` on a row's answer, nats per token, `[1]`; tracked where `policy` is.
///
/// Both models see the row's prompt and answer; the sum over the vocabulary is exact.
pub fn divergence(base: &CausalLm, policy: &CausalLm, row: &Sequence, chunking: Chunking) -> Tensor<1> {
    let packed = Packed::new(row.prompt(), &[row.response()], &base.device());
    let tokens = row.response().len() as f64;
    let chunks = |model: &CausalLm| packed.predicting_hidden(model).split(chunking.head_rows, 0);
    let parts = chunks(base)
        .into_iter()
        .zip(chunks(policy))
        .map(|(reference, hidden)| {
            let reference = log_softmax(base.logits(reference), 1);
            let hidden = log_softmax(policy.logits(hidden), 1);
            (reference.clone().exp() * (reference - hidden)).sum()
        })
        .collect();
    Tensor::cat(parts, 0).sum().div_scalar(tokens)
}
