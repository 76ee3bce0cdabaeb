//! What a step does to the weights, made again by hand from its parts.

use burn::tensor::Tensor;
use d2o_model::CausalLm;
use d2o_objective::{Guards, ObjectiveConfig};
use d2o_record::Event;
use d2o_train::activation_cache::ActivationCache;
use d2o_train::gradient::GuardedObjective;
use d2o_train::gradient::batch::accumulate_coupled;
use d2o_train::gradient::group::GroupPass;
use d2o_train::optim::adamw::AdamW;
use d2o_train::optim::gradients::{GradientSum, clip_global_norm};
use d2o_train::optim::order::Order;
use d2o_train::penalty::{AnchorKl, Retain};
use d2o_train::{TrainingGroup, readings};

use crate::tiny::{CHUNKING, builder, examples, groups, model, run, tracked, weights};

const RATE: f64 = 1e-2;
const LIMIT: f64 = 0.5;
const STEPS: usize = 4;
/// Far from the defaults.
const ADAMW: AdamW = AdamW { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weight_decay: 0.1 };

fn scalar(tensor: Tensor<1>) -> f64 {
    tensor.into_data().iter::<f64>().next().unwrap()
}

fn retain(base: &CausalLm) -> Retain<'_> {
    Retain { base, rows: examples(), order: Order::new(3, 2, 8), weight: 2.0, opening: 3.0 }
}

/// `STEPS` steps by hand: the mean of the groups' gradients and of the KL at their anchors, the retain rows' on top,
/// clipped together, one step of AdamW. Also the losses and both KL of each step.
fn by_hand(base: &CausalLm, groups: &[TrainingGroup], loss: GuardedObjective) -> (Vec<u8>, Vec<[f64; 3]>) {
    let mut policy = tracked(base);
    let mut optimizer = ADAMW.optimizer();
    let (retain, anchor_kl) = (retain(base), AnchorKl { base, weight: 1.5 });
    let mut told = Vec::new();
    for step in 0..STEPS {
        let mut sum = GradientSum::default();
        let batch: Vec<&TrainingGroup> = Order::new(5, 2, 3).step(step).iter().map(|&index| &groups[index]).collect();
        let scale = 1.0 / batch.len() as f64;
        let figures: Vec<Tensor<1>> = if loss.objective.couples_groups() {
            accumulate_coupled(&policy, &loss.objective, &batch, scale, CHUNKING, &mut sum)
        } else {
            let figures = batch.iter().map(|group| {
                let pass = GroupPass { policy: &policy, loss: &loss, group, scale, chunking: CHUNKING };
                let scored = pass.accumulate(ActivationCache::default().group(0), &mut sum);
                readings::group_figures(&loss.objective, &scored)
            });
            figures.collect()
        };
        let mut kl = 0.0;
        for group in &batch {
            let nothing_kept = &mut ActivationCache::default();
            let part = anchor_kl.accumulate(&policy, group, scale, CHUNKING, nothing_kept.group(0), &mut sum);
            kl += scale * scalar(part);
        }
        let retained = scalar(retain.accumulate(&policy, step, CHUNKING, &mut sum));
        let mean: f64 = figures.iter().map(|figure| scalar(figure.clone())).sum();
        told.push([scale * mean, retained, kl]);
        let (gradients, _) = clip_global_norm(&policy, sum.take().unwrap(), LIMIT);
        policy = optimizer.step(RATE, policy, gradients);
    }
    (weights(&policy), told)
}

#[test]
fn a_step_is_adamw_on_the_clipped_sum_of_loss_and_penalties() {
    let base = model(5);
    let groups = groups(&base);
    let guards = Guards { anchor_nll: 0.3, rejected_floor: 0.4, ..Guards::default() };
    for (objective, guards) in [
        (ObjectiveConfig::D2o { beta: 0.3, alpha: 0.1 }, Guards::default()),
        (ObjectiveConfig::D2o { beta: 0.3, alpha: 0.1 }, guards),
        (ObjectiveConfig::Aot { beta: 0.3, label_smoothing: 0.1 }, Guards::default()),
    ] {
        let (expected, figures) = by_hand(&base, &groups, GuardedObjective { objective, guards });
        let trainer = builder(&groups, STEPS, RATE).objective(objective).guards(guards).max_grad_norm(LIMIT);
        let trainer = trainer.optimizer(ADAMW).retain(retain(&base)).anchor_kl(AnchorKl { base: &base, weight: 1.5 });
        let told = run(&trainer.build().unwrap(), tracked(&base));
        assert!(weights(&told.trained().model) == expected, "{objective:?} {guards:?}");
        let found = told.all(|event| match event {
            Event::Step { figures, .. } => Some([figures.loss, figures.retain_kl.unwrap(), figures.anchor_kl.unwrap()]),
            _ => None,
        });
        assert_eq!(found.len(), STEPS);
        for (found, expected) in found.iter().flatten().zip(figures.iter().flatten()) {
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{objective:?}: {found} {expected}");
        }
        assert!(figures[STEPS - 1].iter().all(|figure| *figure > 1e-4), "{figures:?}");
    }
}
