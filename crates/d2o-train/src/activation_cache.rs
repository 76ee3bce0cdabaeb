//! What enters the first trained layer, kept: below it nothing changes while a run trains.
//!
//! With the last layers trained (or adapters in them), embedding and lower layers give the same
//! activations for a group at every epoch. They are computed at a group's first step and read at every
//! later one, in f32 bit for bit.

use std::collections::BTreeMap;

use burn::tensor::{FloatDType, Tensor};
use d2o_model::CausalLm;
use serde::{Deserialize, Serialize};

/// How activations are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivationType {
    /// Kept as they are: later epochs equal those of a run that keeps nothing, bit for bit.
    #[default]
    F32,
    /// Rounded, in half the memory; from the first step on, so that every epoch sees the same.
    Bf16,
}

/// What of the frozen layers' output is kept between epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivationCacheConfig {
    /// How activations are kept. Default: `F32`.
    pub kind: ActivationType,
    /// Memory for them, MiB; 0 (the default) keeps nothing.
    pub mib: usize,
}

/// Activations by part of a group, within a budget of memory.
#[derive(Debug, Default)]
pub struct ActivationCache {
    /// The first layer that trains; 0 keeps nothing.
    first: usize,
    kind: ActivationType,
    bytes_left: usize,
    kept: BTreeMap<(usize, usize), Tensor<3>>,
}

impl ActivationCache {
    /// Keeps what enters the first layer that trains in `policy`.
    ///
    /// What goes beyond the budget is computed at every step, as it is with 0, or where the first layer trains.
    pub fn new(policy: &CausalLm, config: ActivationCacheConfig) -> Self {
        let first = policy.first_trainable_layer();
        Self { first, kind: config.kind, bytes_left: config.mib << 20, kept: BTreeMap::new() }
    }

    /// The part of the cache that belongs to one group.
    pub fn group(&mut self, group: usize) -> GroupActivations<'_> {
        GroupActivations { cache: self, group }
    }

    fn entering(&mut self, part: (usize, usize), compute: impl FnOnce() -> Tensor<3>) -> Tensor<3> {
        if let Some(kept) = self.kept.get(&part) {
            return widened(kept.clone());
        }
        let entering = compute();
        if self.first == 0 {
            return entering;
        }
        let entering = match self.kind {
            ActivationType::F32 => entering,
            ActivationType::Bf16 => entering.cast(FloatDType::BF16),
        };
        let bytes = self.bytes(&entering);
        if bytes <= self.bytes_left {
            self.bytes_left -= bytes;
            self.kept.insert(part, entering.clone());
        }
        widened(entering)
    }

    /// Lets go of what is kept of a group: its responses are others now.
    pub fn forget(&mut self, group: usize) {
        let chunks: Vec<(usize, usize)> =
            self.kept.range((group, 0)..=(group, usize::MAX)).map(|(&at, _)| at).collect();
        for chunk in chunks {
            if let Some(kept) = self.kept.remove(&chunk) {
                self.bytes_left += self.bytes(&kept);
            }
        }
    }

    fn bytes(&self, entering: &Tensor<3>) -> usize {
        let width = if self.kind == ActivationType::Bf16 { 2 } else { 4 };
        entering.shape().num_elements() * width
    }
}

/// The activations of one group: a part a forward pass.
#[derive(Debug)]
pub struct GroupActivations<'a> {
    cache: &'a mut ActivationCache,
    group: usize,
}

impl GroupActivations<'_> {
    /// The layer at which a forward pass of the policy goes on.
    pub fn first(&self) -> usize {
        self.cache.first
    }

    /// What enters that layer for part `part` of the group, `[1, tokens, width]`: as kept, or as `compute` has it.
    pub fn entering(&mut self, part: usize, compute: impl FnOnce() -> Tensor<3>) -> Tensor<3> {
        self.cache.entering((self.group, part), compute)
    }
}

fn widened(kept: Tensor<3>) -> Tensor<3> {
    kept.cast(FloatDType::F32)
}
