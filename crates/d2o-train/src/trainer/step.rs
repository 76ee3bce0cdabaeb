//! One group's share of the gradient, streamed: memory does not grow with the number of anchors.
//!
//! For losses `f(h)` with `h` linear in the scores, `∇L = w · Σ_j c_j ∇s_j` with `c_j` known before
//! and the one number `w` known after all scores. So the responses run forward and backward in
//! packed chunks, `Σ_j c_j ∇s_j` grows in one buffer of the group, and the buffer enters the step's
//! sum multiplied by `w`. This is the exact gradient, not an approximation. A group that fits into one
//! chunk needs no buffer: its scores are known when its only backward begins.

use std::ops::Range;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use d2o_model::CausalLm;
use d2o_objective::{Group, ObjectiveConfig, Scored, log_one_minus_exp};

use super::gradients::GradientSum;
use super::group::TrainingGroup;
use super::guarded::Guarded;
use super::pack::{Continuation, Packed, group_ranges};
use super::prompt::SharedPrompt;
use super::trunk::Trunk;

/// How a group is cut into forward passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunking {
    /// Tokens in one packed forward pass at the most, prompt included; 0 is the naive layout: each response alone
    /// behind its own copy of the prompt.
    pub tokens: usize,
    /// Positions whose logits are held at once.
    pub head_rows: usize,
}

/// Summed log-probabilities of all responses of one prompt, untracked, nats, `[responses]`.
///
/// `model` must be frozen: a tracked forward without a backward keeps its graph.
pub fn score(model: &CausalLm, prompt: &[u32], responses: &[&[u32]], chunking: Chunking) -> Tensor<1> {
    let mut trunk = Trunk::default();
    let mut chunks = Chunks::new(model, prompt, responses, chunking, (&mut trunk, 0));
    let scores = (0..chunks.ranges.len()).map(|chunk| {
        let (packed, log_probs) = chunks.forward(chunk);
        packed.summed(log_probs)
    });
    Tensor::cat(scores.collect(), 0)
}

/// Responses of one prompt on their way through the model, chunk by chunk.
struct Chunks<'a> {
    model: &'a CausalLm,
    prompt: &'a [u32],
    responses: &'a [&'a [u32]],
    ranges: Vec<Range<usize>>,
    head_rows: usize,
    trunk: &'a mut Trunk,
    index: usize,
    /// Computed once for several chunks.
    shared: Option<SharedPrompt<'a>>,
}

impl<'a> Chunks<'a> {
    fn new(
        model: &'a CausalLm,
        prompt: &'a [u32],
        responses: &'a [&'a [u32]],
        chunking: Chunking,
        (trunk, index): (&'a mut Trunk, usize),
    ) -> Self {
        let ranges = group_ranges(prompt.len(), responses, chunking.tokens);
        let shares = ranges.len() > 1 && chunking.tokens > 0;
        let shared = shares.then(|| SharedPrompt::new(model, prompt, trunk, index));
        Self { model, prompt, responses, ranges, head_rows: chunking.head_rows, trunk, index, shared }
    }

    /// Log-probabilities of the tokens of chunk `chunk`, nats, `[targets]`, and their places.
    fn forward(&mut self, chunk: usize) -> (Packed, Tensor<1>) {
        let Self { model, trunk, head_rows, .. } = self;
        let responses = &self.responses[self.ranges[chunk].clone()];
        if let Some(prompt) = &self.shared {
            let last = chunk + 1 == self.ranges.len();
            return prompt.token_log_probs(model, responses, trunk, (self.index, chunk, last), *head_rows);
        }
        let packed = Packed::new(self.prompt, responses, &model.device().without_autodiff());
        let first = trunk.first();
        let entering = trunk.entering((self.index, chunk), || packed.entering(model, first));
        let log_probs = packed.token_log_probs_from(model, first, entering, *head_rows);
        (packed, log_probs)
    }
}

/// Consecutive pairs of prompt and response whose tokens stay within `budget`; at least one pair each.
pub fn token_batches(pairs: &[(Vec<u32>, Vec<u32>)], budget: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut tokens = 0;
    for (index, (prompt, response)) in pairs.iter().enumerate() {
        let more = prompt.len() + response.len();
        match batches.last_mut() {
            Some(batch) if tokens + more <= budget => batch.end = index + 1,
            _ => {
                batches.push(index..index + 1);
                tokens = 0;
            }
        }
        tokens += more;
    }
    batches
}

/// Summed log-probability of each response after its own prompt, untracked, nats, `[pairs]`.
///
/// All pairs run in one pass without padding, and what all prompts begin with (a template's system
/// message) is computed once. `model` must be frozen.
///
/// # Panics
/// If there is no pair, or a prompt or a response is empty.
pub fn score_pairs(model: &CausalLm, pairs: &[(Vec<u32>, Vec<u32>)], chunking: Chunking) -> Tensor<1> {
    let first = &pairs[0].0;
    let common = |ids: &[u32]| ids.iter().zip(first).take_while(|(a, b)| a == b).count();
    let shared = pairs.iter().map(|(prompt, _)| common(prompt)).min().unwrap_or(0);
    let rests: Vec<Vec<u32>> = pairs.iter().map(|(prompt, response)| [&prompt[shared..], response].concat()).collect();
    let rows: Vec<Continuation<'_>> = rests
        .iter()
        .zip(pairs)
        .map(|(ids, (prompt, _))| Continuation { ids, unscored: prompt.len() - shared })
        .collect();
    Packed::continuations(&first[..shared], &rows, &model.device()).log_probs(model, chunking.head_rows)
}

/// One group on its way through a step.
pub struct GroupPass<'a> {
    /// The tracked model.
    pub policy: &'a CausalLm,
    /// The loss.
    pub loss: &'a Guarded,
    /// The group, and its place among all groups.
    pub group: &'a TrainingGroup,
    /// See `group`.
    pub index: usize,
    /// What the group's gradient is multiplied by.
    pub scale: f64,
    /// How it is cut into forward passes.
    pub chunking: Chunking,
}

impl GroupPass<'_> {
    /// Adds `scale · ∇L(group)` to `sum` and returns the group's scores, untracked.
    ///
    /// Objectives without a streamed form (see [`ObjectiveConfig::streaming`](d2o_objective::ObjectiveConfig::streaming))
    /// and those with guards, which depend on the scores, take one more forward pass for the scores of a group in
    /// several chunks; their gradient is as exact.
    pub fn accumulate(&self, trunk: &mut Trunk, sum: &mut GradientSum) -> Group {
        let Self { policy, loss, group, index, scale, chunking } = *self;
        let objective = &loss.objective;
        let device = policy.device().without_autodiff();
        let responses = group.responses();
        let kept = (trunk, index);
        if !objective.needs_avoidance() && group_ranges(group.prompt.len(), &responses, chunking.tokens).len() == 1 {
            return self.at_once(&responses, kept, sum);
        }
        let anchors = group.anchors.len();
        if let Some(streaming) = objective.streaming(anchors).filter(|_| !loss.guards.act_on_scores()) {
            let coefficients = coefficients(group, &device, |index, tokens| {
                let rule = if index < anchors { streaming.anchor } else { streaming.rejected };
                rule.at(tokens)
            });
            let mut buffer = GradientSum::default();
            let through = if objective.needs_avoidance() { Through::Avoidance } else { Through::LogProb };
            let weighed = (coefficients, through);
            let (scores, avoidance) = backward(policy, group, &responses, weighed, chunking, kept, &mut buffer);
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
            let coefficients = loss.slopes(&first).mul_scalar(scale);
            backward(policy, group, &responses, (coefficients, Through::LogProb), chunking, kept, sum);
            first
        }
    }

    /// All responses in one forward and one backward pass.
    fn at_once(&self, responses: &[&[u32]], (trunk, index): (&mut Trunk, usize), sum: &mut GradientSum) -> Group {
        let device = self.policy.device().without_autodiff();
        let mut chunks = Chunks::new(self.policy, &self.group.prompt, responses, self.chunking, (trunk, index));
        let (packed, log_probs) = chunks.forward(0);
        let tracked = packed.summed(log_probs);
        let group = scored(self.group, tracked.clone().inner(), &device);
        let coefficients = self.loss.slopes(&group).mul_scalar(self.scale);
        let mut gradients = (tracked * coefficients).sum().backward();
        sum.add_scaled(self.policy, GradientsParams::from_module(&mut gradients, self.policy), None);
        group
    }
}

/// [`GroupPass::accumulate`] of a single group, without guards and with nothing kept.
pub fn accumulate(
    policy: &CausalLm,
    objective: &ObjectiveConfig,
    group: &TrainingGroup,
    scale: f64,
    chunking: Chunking,
    sum: &mut GradientSum,
) -> Group {
    let loss = &Guarded::from(*objective);
    GroupPass { policy, loss, group, index: 0, scale, chunking }.accumulate(&mut Trunk::default(), sum)
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
    kept: (&mut Trunk, usize),
    sum: &mut GradientSum,
) -> (Tensor<1>, Option<Tensor<1>>) {
    let (mut scores, mut avoidance) = (Vec::new(), Vec::new());
    let mut chunks = Chunks::new(policy, &group.prompt, responses, chunking, kept);
    for chunk in 0..chunks.ranges.len() {
        let (packed, per_token) = chunks.forward(chunk);
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
        let coefficients = coefficients.clone().slice([chunks.ranges[chunk].clone()]);
        let mut loss = (tracked * coefficients).sum();
        if chunk + 1 == chunks.ranges.len() {
            let gathered = chunks.shared.take().and_then(SharedPrompt::gathered);
            loss = gathered.into_iter().fold(loss, |loss, gathered| loss + gathered);
        }
        let mut gradients = loss.backward();
        if let Some(prompt) = &mut chunks.shared {
            prompt.gather(&mut gradients);
        }
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
