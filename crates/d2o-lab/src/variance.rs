//! How the draw of the anchors scatters the gradient, against their number.
//!
//! At the first step policy and references are one model, so each group's weight is ½ whatever its anchors are, and
//! the step's gradient with K anchors is the mean of K gradients with one anchor each. So [`SLOTS`] gradients with one
//! anchor each, of the same groups, give the gradient of every subset of the anchors. Disjoint subsets of K are
//! `SLOTS/K` draws of it, and their scatter around the common mean is the variance that the draw brings in.

use std::collections::BTreeMap;
use std::path::Path;

use d2o_model::{CausalLm, Trainable};
use d2o_objective::ObjectiveConfig;
use serde::{Deserialize, Serialize};

use crate::cells::{ANCHORS, Cell, with_anchors};
use crate::run;
use crate::spread::Spread;
use d2o::config::RunConfig;
use d2o::device;
use d2o_generate::LanguageModel;
use d2o_generate::anchors::AnchorStore;
use d2o_model::responses::Chunking;
use d2o_record::durable;
use d2o_train::gradient::group::accumulate;
use d2o_train::group::TrainingGroup;
use d2o_train::optim::gradients::{GradientSum, flattened};
use d2o_train::trainer::HEAD_ROWS;

/// Anchors of a group that take part; a power of two.
pub const SLOTS: usize = 16;

/// Scatter of the gradient for one number of anchors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scatter {
    /// Anchors, K.
    pub k: usize,
    /// `E‖g − Ḡ‖² / ‖Ḡ‖²` over draws of the anchors.
    pub relative: f64,
}

/// Scatter by K over the seeds, from the anchors of the cell with the most of them; empty without that cell.
///
/// What has been measured lies beside the anchors and is not measured again.
///
/// # Errors
/// As [`of_store`], and failed writes.
pub fn over_seeds(out: &Path, cells: &[Cell], seeds: &[u64]) -> anyhow::Result<Vec<(usize, Spread)>> {
    let most = with_anchors(ANCHORS[ANCHORS.len() - 1]);
    let mut by_k: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.name == most) {
        for &seed in seeds {
            for Scatter { k, relative } in kept(&run::store(out, cell, seed).join("anchors"))? {
                by_k.entry(k).or_default().push(relative);
            }
        }
    }
    Ok(by_k.into_iter().map(|(k, values)| (k, Spread::of(&values))).collect())
}

fn kept(store: &Path) -> anyhow::Result<Vec<Scatter>> {
    let path = store.join("scatter.json");
    let found = std::fs::read(&path).ok().and_then(|json| serde_json::from_slice(&json).ok());
    if let Some(found) = found {
        return Ok(found);
    }
    let scatter = of_store(store)?;
    if !scatter.is_empty() {
        durable::write(&path, &serde_json::to_vec(&scatter)?)?;
    }
    Ok(scatter)
}

/// Scatter for K = 1, 2, 4, … below [`SLOTS`], from the anchors of one store of the preset; empty where no group has
/// enough of them.
///
/// # Errors
/// A store, run file or model that cannot be read.
pub fn of_store(dir: &Path) -> anyhow::Result<Vec<Scatter>> {
    let config = RunConfig::read("hearth", &[])?;
    let Some(store) = AnchorStore::read(dir)? else {
        return Ok(Vec::new());
    };
    let groups: Vec<TrainingGroup> = store
        .groups
        .iter()
        .map(|group| group.training_group())
        .filter(|group| group.anchors.len() >= SLOTS)
        .take(config.train.groups_per_step)
        .collect();
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let device = device::open(&config.device.backend)?;
    let base = LanguageModel::open(&d2o_fetch::resolve_model(&config.model.path)?, config.data.chat, &device)?;
    let policy = base.model.train_on(&Trainable::All {}, config.seed, &device.autodiff())?;
    let chunking = Chunking { tokens: config.train.tokens_per_chunk, head_rows: HEAD_ROWS };
    let gradients: Vec<Vec<f32>> =
        (0..SLOTS).map(|slot| gradient(&policy, &config.objective, &groups, slot, chunking)).collect();
    Ok(scatter(&gradients))
}

/// The step's gradient where each group has its anchor `slot` only, as one vector.
fn gradient(
    policy: &CausalLm,
    objective: &ObjectiveConfig,
    groups: &[TrainingGroup],
    slot: usize,
    chunking: Chunking,
) -> Vec<f32> {
    let mut sum = GradientSum::default();
    for group in groups {
        let alone = TrainingGroup { anchors: vec![group.anchors[slot].clone()], ..group.clone() };
        accumulate(policy, objective, &alone, 1.0 / groups.len() as f64, chunking, &mut sum);
    }
    flattened(policy, sum.take())
}

/// The scatter of means over disjoint runs of K gradients, for K = 1, 2, 4, … with at least two such means.
fn scatter(gradients: &[Vec<f32>]) -> Vec<Scatter> {
    let mean = mean_of(gradients);
    let size: f64 = mean.iter().map(|value| value * value).sum();
    let at = |k: usize| {
        let draws: Vec<f64> = gradients.chunks_exact(k).map(|draw| distance(&mean_of(draw), &mean)).collect();
        Scatter { k, relative: draws.iter().sum::<f64>() / (draws.len() - 1) as f64 / size }
    };
    (0..).map(|power| 1 << power).take_while(|k| 2 * k <= gradients.len()).map(at).collect()
}

fn mean_of(vectors: &[Vec<f32>]) -> Vec<f64> {
    let mut mean = vec![0.0; vectors[0].len()];
    for vector in vectors {
        mean.iter_mut().zip(vector).for_each(|(mean, &value)| *mean += f64::from(value) / vectors.len() as f64);
    }
    mean
}

/// `‖a − b‖²`.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scatter_is_that_of_means_over_disjoint_draws() {
        // Four gradients, each 2 away from the common mean (10, 0, 0) along an axis of its own and back: with K = 1 the
        // squares are 4 · 4 / 3 of a mean of 100. Means of two lie sqrt(2) away: 2 · 2 / 1.
        let at = |y: f32, z: f32| vec![10.0, y, z];
        let found = scatter(&[at(2.0, 0.0), at(0.0, 2.0), at(-2.0, 0.0), at(0.0, -2.0)]);
        assert_eq!(found.iter().map(|scatter| scatter.k).collect::<Vec<_>>(), [1, 2]);
        assert!((found[0].relative - 16.0 / 3.0 / 100.0).abs() < 1e-12);
        assert!((found[1].relative - 4.0 / 100.0).abs() < 1e-12);
    }

    #[test]
    fn equal_anchors_bring_no_scatter() {
        let found = scatter(&vec![vec![1.0, 2.0]; 4]);
        assert!(found.iter().all(|scatter| scatter.relative == 0.0) && found.len() == 2);
    }
}
