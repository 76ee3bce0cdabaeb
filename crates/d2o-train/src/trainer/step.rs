//! One group's share of the gradient, streamed: memory does not grow with the number of anchors.
//!
//! For losses `f(h)` with `h` linear in the scores, `∇L = w · Σ_j c_j ∇s_j` with `c_j` known before
//! and the one number `w` known after all scores. So the responses run forward and backward in
//! packed chunks, `Σ_j c_j ∇s_j` grows in one buffer of the group, and the buffer enters the step's
//! sum multiplied by `w`. This is the exact gradient, not an approximation.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use d2o_model::CausalLm;
use d2o_objective::{Group, ObjectiveConfig, Scored, log_one_minus_exp};

use super::gradients::GradientSum;
use super::group::TrainingGroup;
use super::pack::{Packed, chunk_ranges};

/// How a group is cut into forward passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunking {
    /// Tokens in one packed forward pass at the most, prompt included.
    pub tokens: usize,
    /// Positions whose logits are held at once.
    pub head_rows: usize,
}

/// Summed log-probabilities of all responses of one prompt, untracked, nats, `[responses]`.
///
/// `model` must be frozen: a tracked forward without a backward keeps its graph.
pub fn score(model: &CausalLm, prompt: &[u32], responses: &[&[u32]], chunking: Chunking) -> Tensor<1> {
    let device = model.device();
    let parts = chunk_ranges(prompt.len(), responses, chunking.tokens)
        .into_iter()
        .map(|range| Packed::new(prompt, &responses[range], &device).log_probs(model, chunking.head_rows))
        .collect();
    Tensor::cat(parts, 0)
}

/// Adds `scale · ∇L(group)` to `sum` and returns the group's scores, untracked.
///
/// `policy` is the tracked model. Objectives without a streamed form (see
/// [`ObjectiveConfig::streaming`]) take one more forward pass for the scores; their gradient is as exact.
pub fn accumulate(
    policy: &CausalLm,
    objective: &ObjectiveConfig,
    group: &TrainingGroup,
    scale: f64,
    chunking: Chunking,
    sum: &mut GradientSum,
) -> Group {
    let device = policy.device().without_autodiff();
    let responses = group.responses();
    let anchors = group.anchors.len();
    if let Some(streaming) = objective.streaming(anchors) {
        let coefficients = coefficients(group, &device, |index, tokens| {
            let rule = if index < anchors { streaming.anchor } else { streaming.rejected };
            rule.at(tokens)
        });
        let mut buffer = GradientSum::default();
        let through = if objective.needs_avoidance() { Through::Avoidance } else { Through::LogProb };
        let (scores, avoidance) = backward(policy, group, &responses, (coefficients, through), chunking, &mut buffer);
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
        let slopes = objective.score_gradients(&first);
        let coefficients = Tensor::cat(vec![slopes.anchors.reshape([anchors as i64]), slopes.rejected], 0);
        backward(policy, group, &responses, (coefficients.mul_scalar(scale), Through::LogProb), chunking, sum);
        first
    }
}

/// Which sum over a response's tokens the coefficients multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// `s = Σ_t log p_t`.
    LogProb,
    /// `u = Σ_t log(1 − p_t)`.
    Avoidance,
}

/// Runs the responses chunk by chunk, adds `Σ_j c_j ∇s_j` (or `∇u_j`) to `sum` and returns the scores `s`,
/// with `u` where the gradient goes through it.
pub(super) fn backward(
    policy: &CausalLm,
    group: &TrainingGroup,
    responses: &[&[u32]],
    (coefficients, through): (Tensor<1>, Through),
    chunking: Chunking,
    sum: &mut GradientSum,
) -> (Tensor<1>, Option<Tensor<1>>) {
    let device = policy.device().without_autodiff();
    let (mut scores, mut avoidance) = (Vec::new(), Vec::new());
    for range in chunk_ranges(group.prompt.len(), responses, chunking.tokens) {
        let packed = Packed::new(&group.prompt, &responses[range.clone()], &device);
        let per_token = packed.token_log_probs(policy, chunking.head_rows);
        let tracked = match through {
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
        let coefficients = coefficients.clone().slice([range]);
        let mut gradients = (tracked * coefficients).sum().backward();
        sum.add_scaled(policy, GradientsParams::from_module(&mut gradients, policy), None);
    }
    let avoidance = (!avoidance.is_empty()).then(|| Tensor::cat(avoidance, 0));
    (Tensor::cat(scores, 0), avoidance)
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
