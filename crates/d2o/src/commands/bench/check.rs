//! The shared layout against the naive one: the same loss, the same gradient, on any model and data.

use std::io::Write;

use burn::tensor::Tensor;
use d2o_model::CausalLm;
use d2o_model::responses::Chunking;
use d2o_objective::ObjectiveConfig;
use d2o_train::TrainingGroup;
use d2o_train::activation_cache::ActivationCache;
use d2o_train::gradient::GuardedObjective;
use d2o_train::gradient::group::GroupPass;
use d2o_train::optim::gradients::{GradientSum, flattened};
use d2o_train::readings::{Readings, group_figures};
use serde_json::json;

/// Loss and gradient of one step's groups.
struct Outcome {
    loss: f64,
    gradient: Vec<f32>,
}

/// Prints `{"layout", "loss", "gradient_norm", "loss_difference", "gradient_difference"}` for both layouts.
///
/// The references are set a hundredth off the policy's scores, so that `h` is not zero and the loss depends on
/// every score. The gradient's difference is relative, `‖a − b‖ / ‖b‖` over all parameters as one vector.
///
/// # Errors
/// A failed write.
pub(super) fn check(
    out: &mut impl Write,
    model: &CausalLm,
    objective: &ObjectiveConfig,
    groups: &[TrainingGroup],
    shared: Chunking,
) -> anyhow::Result<()> {
    let mut groups = groups.to_vec();
    for group in &mut groups {
        for response in group.anchors.iter_mut().chain(std::iter::once(&mut group.rejected)) {
            response.reference *= 1.01;
        }
    }
    let naive = outcome(model, objective, &groups, Chunking { tokens: 0, ..shared });
    for (name, found) in [("naive", &naive), ("shared", &outcome(model, objective, &groups, shared))] {
        let apart: Vec<f32> = found.gradient.iter().zip(&naive.gradient).map(|(a, b)| a - b).collect();
        let line = json!({
            "layout": name, "loss": found.loss, "gradient_norm": norm(&found.gradient),
            "loss_difference": (found.loss - naive.loss).abs(),
            "gradient_difference": norm(&apart) / norm(&naive.gradient),
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn outcome(model: &CausalLm, objective: &ObjectiveConfig, groups: &[TrainingGroup], chunking: Chunking) -> Outcome {
    let scale = 1.0 / groups.len() as f64;
    let (mut sum, mut activations) = (GradientSum::default(), ActivationCache::default());
    let loss = &GuardedObjective::from(*objective);
    let mut figures = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let pass = GroupPass { policy: model, loss, group, scale, chunking };
        figures.push(group_figures(objective, &pass.accumulate(activations.group(index), &mut sum)));
    }
    let mut readings = Readings::default();
    readings.push(figures, Tensor::zeros([1], &model.device().without_autodiff()), [None, None]);
    let loss = readings.read().first().map_or(f64::NAN, |read| read.figures.loss);
    Outcome { loss, gradient: flattened(model, sum.take()) }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}
