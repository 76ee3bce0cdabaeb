//! A step whose groups weigh each other: all of them are scored before any runs backward.

use burn::tensor::Tensor;
use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, score};
use d2o_objective::{Diagnostics, Group, Loss, ObjectiveConfig, Scored};

use super::group::{Backward, Through, scored};
use crate::activation_cache::ActivationCache;
use crate::group::TrainingGroup;
use crate::optim::gradients::GradientSum;
use crate::readings::figures_of;

/// Adds `scale · Σ_groups ∇L(group)` to `sum` and returns each group's figures, for objectives that
/// [couple groups](ObjectiveConfig::couples_groups).
///
/// Groups may have different numbers of anchors: the objective sees every pair of an anchor with its
/// group's rejected answer as a row of its own, and a group's loss is the mean over its pairs.
pub fn accumulate_coupled(
    policy: &CausalLm,
    objective: &ObjectiveConfig,
    groups: &[&TrainingGroup],
    scale: f64,
    chunking: Chunking,
    sum: &mut GradientSum,
) -> Vec<Tensor<1>> {
    let device = policy.device().without_autodiff();
    let frozen = policy.frozen();
    let scores = |group: &&TrainingGroup| score(&frozen, &group.prompt, &group.responses(), chunking);
    let known: Vec<Group> = groups.iter().map(|group| scored(group, scores(group), &device)).collect();
    let pairs = pairs(&known);
    let gradients = objective.score_gradients(&pairs);
    let loss = objective.forward(&pairs);
    let mut first = 0;
    let mut figures = Vec::with_capacity(groups.len());
    for (group, known) in groups.iter().zip(&known) {
        let k = group.anchors.len();
        let of_anchors = gradients.anchors.clone().narrow(0, first, k).squeeze_dim::<1>(1).div_scalar(k as f64);
        let of_rejected = gradients.rejected.clone().narrow(0, first, k).mean();
        let coefficients = Tensor::cat(vec![of_anchors, of_rejected], 0).mul_scalar(scale);
        let backward = Backward { policy, group, chunking, coefficients, through: Through::LogProb };
        backward.run(ActivationCache::default().group(0), sum);
        figures.push(figures_of(share(objective, known, &loss, first), known));
        first += k;
    }
    figures
}

/// Every pair as a row: `[Σ k]` rows of one anchor.
fn pairs(groups: &[Group]) -> Group {
    let anchors = |of: fn(&Scored<2>) -> &Tensor<2>| {
        Tensor::cat(groups.iter().map(|group| of(&group.anchors).clone().transpose()).collect(), 0)
    };
    let rejected = |of: fn(&Scored<1>) -> &Tensor<1>| {
        let repeated = groups.iter().map(|group| of(&group.rejected).clone().expand([group.dims()[1]]));
        Tensor::cat(repeated.collect(), 0)
    };
    Group::new(
        Scored {
            policy: anchors(|scored| &scored.policy),
            reference: anchors(|scored| &scored.reference),
            tokens: anchors(|scored| &scored.tokens),
        },
        Scored {
            policy: rejected(|scored| &scored.policy),
            reference: rejected(|scored| &scored.reference),
            tokens: rejected(|scored| &scored.tokens),
        },
    )
}

/// A group's part of the loss over all pairs: means over its rows from `first` on.
fn share(objective: &ObjectiveConfig, group: &Group, loss: &Loss, first: usize) -> Loss {
    let [_, k] = group.dims();
    let mean = |values: &Tensor<1>| values.clone().narrow(0, first, k).mean();
    let own = objective.forward(group).diagnostics;
    Loss {
        per_example: mean(&loss.per_example),
        diagnostics: Diagnostics { h: mean(&loss.diagnostics.h), w: mean(&loss.diagnostics.w), ..own },
    }
}
