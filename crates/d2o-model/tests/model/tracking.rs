//! Gradients reach what trains, steps move it, and all else stays bit by bit.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Gradients, Tensor};
use d2o_model::{CausalLm, Placement, Trainable};

use crate::tiny::{batch, device, floats, ids, model, row, targets, worst};

const ALL: Trainable = Trainable::All {};
const LAST: Trainable = Trainable::LastLayers { layers: 1 };

fn lora() -> Trainable {
    Trainable::Lora { rank: 3, alpha: 6.0, targets: Vec::new(), last_layers: Some(1) }
}

fn train(trainable: &Trainable) -> CausalLm {
    model(false).train_on(trainable, 5, &device().autodiff()).unwrap()
}

fn log_prob(model: &CausalLm) -> Tensor<1> {
    let hidden = model.hidden(batch(&[ids(1, 6)]), &Placement::causal(1, 6, &device()));
    model.log_probs(row(&hidden, 0), targets(&ids(2, 6)), 4).sum()
}

/// A parameter: whether it trains, its values, its gradient.
struct Seen {
    trains: bool,
    values: Vec<f32>,
    gradient: Option<Vec<f32>>,
}

struct See<'a> {
    gradients: Option<&'a Gradients>,
    seen: BTreeMap<u64, Seen>,
}

impl ModuleVisitor for See<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let of = |gradients| if value.is_autodiff() { value.grad(gradients).map(floats) } else { None };
        let gradient = self.gradients.and_then(of);
        let seen = Seen { trains: value.is_require_grad(), gradient, values: floats(value) };
        self.seen.insert(param.id.val(), seen);
    }
}

fn see(model: &CausalLm, gradients: Option<&Gradients>) -> BTreeMap<u64, Seen> {
    let mut visitor = See { gradients, seen: BTreeMap::new() };
    model.visit(&mut visitor);
    visitor.seen
}

fn with_gradients(trainable: &Trainable) -> BTreeMap<u64, Seen> {
    let policy = train(trainable);
    see(&policy, Some(&log_prob(&policy).backward()))
}

#[test]
fn what_trains_has_a_gradient_and_nothing_else_has() {
    for (trainable, tensors) in [(ALL, 2 * 9 + 3), (LAST, 9), (lora(), 14)] {
        let seen = with_gradients(&trainable);
        assert!(seen.values().all(|seen| seen.trains == seen.gradient.is_some()));
        assert_eq!(seen.values().filter(|seen| seen.trains).count(), tensors, "{trainable:?}");
    }
}

#[test]
fn a_frozen_trunk_is_a_constant_and_changes_no_gradient_above() {
    let (all, last) = (with_gradients(&ALL), with_gradients(&LAST));
    for (id, seen) in last.iter().filter(|(_, seen)| seen.trains) {
        let (expected, found) = (all[id].gradient.as_ref().unwrap(), seen.gradient.as_ref().unwrap());
        let scale = expected.iter().fold(0f32, |scale, value| scale.max(value.abs()));
        assert!(scale > 0.0 && worst(found, expected) < 1e-5 * scale);
    }
}

#[test]
fn steps_move_what_trains_and_leave_the_rest_bit_by_bit() {
    for trainable in [ALL, LAST, lora()] {
        let mut policy = train(&trainable);
        let before = see(&policy, None);
        let start: f32 = log_prob(&policy.frozen()).into_scalar();
        // Decay too must not reach what is frozen.
        let mut optimizer = AdamWConfig::new().with_weight_decay(0.1).init();
        for _ in 0..3 {
            let gradients = log_prob(&policy).neg().backward();
            policy = optimizer.step(3e-3, policy.clone(), GradientsParams::from_grads(gradients, &policy));
        }
        let after = see(&policy, None);
        assert_eq!(before.len(), after.len());
        for (id, before) in &before {
            assert_eq!(before.trains, after[id].trains);
            assert_eq!(before.values != after[id].values, before.trains, "moved exactly if it trains");
        }
        let end: f32 = log_prob(&policy.frozen()).into_scalar();
        assert!(end > start + 0.1, "{trainable:?} raised {start} to {end} only");
    }
}

#[test]
fn the_embedding_trains_where_tokens_are_read() {
    let policy = train(&ALL);
    let gradients = log_prob(&policy).backward();
    let seen = see(&policy, Some(&gradients));
    // The only tensors of this size are the embedding and the head; the head learns of every token.
    let matrices = seen.values().filter(|seen| seen.values.len() == 50 * 32);
    let moved = |seen: &Seen| -> Vec<bool> {
        let rows = seen.gradient.as_ref().unwrap().chunks_exact(32);
        rows.map(|row| row.iter().any(|&value| value != 0.0)).collect()
    };
    let read: Vec<bool> = (0..50).map(|id| ids(1, 6).contains(&id)).collect();
    let found: Vec<Vec<bool>> = matrices.map(moved).collect();
    assert_eq!(found.len(), 2);
    assert!(found.contains(&read) && found.contains(&vec![true; 50]));
}

#[test]
fn a_frozen_model_builds_no_graph_even_from_tracked_ids() {
    let autodiff = device().autodiff();
    for trainable in [ALL, LAST, lora()] {
        let frozen = train(&trainable).frozen();
        let ids = batch(&[ids(1, 6)]).to_device(&autodiff);
        let hidden = frozen.hidden(ids, &Placement::causal(1, 6, &autodiff));
        assert!(!hidden.is_autodiff());
        let next = targets(&crate::tiny::ids(2, 6)).to_device(&autodiff);
        assert!(!frozen.log_probs(row(&hidden, 0), next, 4).is_autodiff());
    }
}
