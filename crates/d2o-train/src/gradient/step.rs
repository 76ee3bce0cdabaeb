//! The gradient of one optimizer step.

use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::batch::accumulate_coupled;
use super::group::GroupPass;
use crate::group::TrainingGroup;
use crate::optim::gradients::{GradientSum, clip_global_norm};
use crate::readings::group_figures;
use crate::state::State;
use crate::trainer::Trainer;

/// A step's clipped gradient and what is told of it, all on the device.
pub(crate) struct StepGradient {
    /// `clip(1/B Σ_groups ∇(L + anchor_kl) + ∇ retain)`.
    pub(crate) gradients: GradientsParams,
    /// Its norm before clipping, `[1]`.
    pub(crate) norm: Tensor<1>,
    /// Figures of each group.
    pub(crate) figures: Vec<Tensor<1>>,
    /// Mean KL of the step's retain rows, nats per token, `[1]`.
    pub(crate) retain_kl: Option<Tensor<1>>,
    /// Mean KL at the anchors' positions, nats per token, `[1]`.
    pub(crate) anchor_kl: Option<Tensor<1>>,
    /// Tokens of the step in the naive layout.
    pub(crate) tokens: usize,
}

impl StepGradient {
    /// The gradient of the step that `state` is about to take.
    pub(crate) fn new(trainer: &Trainer<'_>, state: &mut State) -> Self {
        let batch = trainer.order.step(state.step);
        let scale = 1.0 / batch.len() as f64;
        let mut sum = GradientSum::default();
        let current: Vec<_> = batch.iter().map(|&index| trainer.group(index, state)).collect();
        let groups: Vec<(usize, &TrainingGroup)> =
            batch.iter().copied().zip(current.iter().map(AsRef::as_ref)).collect();
        let tokens = groups.iter().map(|(_, group)| group.naive_tokens()).sum();
        let figures = loss(trainer, state, &groups, scale, &mut sum);
        let anchor_kl = anchor_kl(trainer, state, &groups, scale, &mut sum);
        let retain = trainer.retain.as_ref();
        let retain_kl = retain.map(|retain| retain.accumulate(state.model(), state.step, trainer.chunking, &mut sum));
        let gradients = sum.take().expect("every group has a gradient");
        let (gradients, norm) = clip_global_norm(state.model(), gradients, trainer.max_grad_norm);
        Self { gradients, norm, figures, retain_kl, anchor_kl, tokens }
    }
}

/// Adds `scale · Σ_groups ∇L`; the groups' figures.
fn loss(
    trainer: &Trainer<'_>,
    state: &mut State,
    groups: &[(usize, &TrainingGroup)],
    scale: f64,
    sum: &mut GradientSum,
) -> Vec<Tensor<1>> {
    let (loss, chunking) = (&trainer.loss, trainer.chunking);
    let objective = &loss.objective;
    let (policy, activations) = state.model_and_activations();
    if objective.couples_groups() {
        let groups: Vec<&TrainingGroup> = groups.iter().map(|(_, group)| *group).collect();
        return accumulate_coupled(policy, objective, &groups, scale, chunking, sum);
    }
    let mut figures = |&(index, group): &(usize, &TrainingGroup)| {
        let pass = GroupPass { policy, loss, group, scale, chunking };
        group_figures(objective, &pass.accumulate(activations.group(index), sum))
    };
    groups.iter().map(&mut figures).collect()
}

/// Adds `scale · Σ_groups ∇ anchor_kl`; the mean KL.
fn anchor_kl(
    trainer: &Trainer<'_>,
    state: &mut State,
    groups: &[(usize, &TrainingGroup)],
    scale: f64,
    sum: &mut GradientSum,
) -> Option<Tensor<1>> {
    let penalty = trainer.anchor_kl.as_ref()?;
    let (policy, activations) = state.model_and_activations();
    let mut kl = |&(index, group): &(usize, &TrainingGroup)| {
        penalty.accumulate(policy, group, scale, trainer.chunking, activations.group(index), sum)
    };
    Some(Tensor::cat(groups.iter().map(&mut kl).collect(), 0).mean())
}
