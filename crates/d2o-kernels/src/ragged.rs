//! Attention of new tokens to what each row has seen, rows of any length side by side.
//!
//! A batch that is padded to its longest row computes nothing in many places, and a row cannot join it
//! later. Here each slot of the cache has its own length: prompts of newcomers and single tokens of
//! running rows go through the model in one list of tokens, and a row's arithmetic does not depend on
//! its company.

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::buffer::SharedOutput;
use crate::host;
use crate::level::Level;

mod attend;
#[cfg(test)]
mod tests;

use attend::Step;

/// New tokens of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The row's slot in the cache.
    pub slot: usize,
    /// How many tokens are new.
    pub tokens: usize,
}

/// Sizes of the attention that a cache serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Decoder layers.
    pub layers: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Width of a head.
    pub dim: usize,
}

/// How scores come about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// Multiplies `q · k`.
    pub scale: f64,
    /// Scores are bent to `cap · tanh(score / cap)`.
    pub cap: Option<f64>,
    /// A token sees this many last tokens, itself included; absent: all.
    pub window: Option<usize>,
}

/// Keys and values of rows of different lengths.
#[derive(Clone, Debug)]
pub struct RaggedCache {
    shape: CacheShape,
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    len: usize,
    capacity: usize,
    /// `[layer][key or value][kv head][capacity][dim]`.
    values: Vec<f32>,
}

impl RaggedCache {
    /// Without any row.
    pub fn new(shape: CacheShape) -> Self {
        Self { shape, slots: Vec::new() }
    }

    /// Tokens that a slot has seen; none if it never began.
    pub fn seen(&self, slot: usize) -> usize {
        self.slots.get(slot).map_or(0, |slot| slot.len)
    }

    /// Starts a row of at most `capacity` tokens in `slot`, whatever was there before. With a `prefix`, the
    /// first tokens of a slot (this one, too) and how many, the row has seen those already.
    ///
    /// # Panics
    /// If the prefix is longer than what its slot has seen, or than `capacity`.
    pub fn begin(&mut self, slot: usize, capacity: usize, prefix: Option<(usize, usize)>) {
        let (from, len) = prefix.unwrap_or((slot, 0));
        assert!(len <= self.seen(from), "slot {from} has seen {} tokens, not {len}", self.seen(from));
        assert!(len <= capacity, "{len} tokens where {capacity} have room");
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, Slot::default);
        }
        if from == slot && capacity <= self.slots[slot].capacity {
            self.slots[slot].len = len;
            return;
        }
        let mut row = if from == slot { Slot::default() } else { std::mem::take(&mut self.slots[slot]) };
        row.reserve(self.shape, capacity);
        row.copy_prefix(&self.slots[from], len, self.shape.dim);
        self.slots[slot] = row;
    }

    /// Counts the new tokens as seen, once all layers have attended.
    pub fn advance(&mut self, rows: &[Fresh]) {
        for row in rows {
            self.slots[row.slot].len += row.tokens;
        }
    }

    /// Stores the new keys and values of `layer` and attends to them and to those before them,
    /// `softmax(cap(scale · q Kᵀ)) V`, causally.
    ///
    /// # Shapes
    /// - `queries`: `[1, heads, tokens, dim]`; `keys`, `values`: `[1, kv_heads, tokens, dim]`, the tokens row
    ///   after row as in `rows`; output as `queries`
    ///
    /// # Panics
    /// If a slot is named twice or has no room, shapes disagree, or a tensor is not plain
    /// (see [`is_plain`](crate::is_plain)).
    pub fn attend(&mut self, layer: usize, rows: &[Fresh], inputs: [Tensor<4>; 3], scoring: Scoring) -> Tensor<4> {
        let shape = inputs[0].dims();
        let [queries, keys, values] = inputs.map(host::values);
        host::tensor(self.attend_slices(Level::best(), layer, rows, [&queries, &keys, &values], scoring), shape)
    }

    /// The same on slices: queries and output `[heads, tokens, dim]`, keys and values `[kv_heads, tokens, dim]`.
    pub(crate) fn attend_slices(
        &mut self,
        level: Level,
        layer: usize,
        rows: &[Fresh],
        [queries, keys, values]: [&[f32]; 3],
        scoring: Scoring,
    ) -> Vec<f32> {
        let tokens: usize = rows.iter().map(|row| row.tokens).sum();
        let CacheShape { kv_heads, dim, .. } = self.shape;
        assert!(keys.len() == kv_heads * tokens * dim && values.len() == keys.len(), "keys of {tokens} tokens");
        let mut output = vec![0f32; queries.len()];
        let place = SharedOutput::new(&mut output);
        let mut first = 0;
        let mut work: Vec<(Fresh, usize, Slot)> = Vec::with_capacity(rows.len());
        for &row in rows {
            work.push((row, first, std::mem::take(&mut self.slots[row.slot])));
            first += row.tokens;
        }
        let step = Step { level, layer, tokens, shape: self.shape, queries, keys, values, scoring };
        work.par_iter_mut().for_each(|(row, first, slot)| step.row(slot, *row, *first, place));
        for (row, _, slot) in work {
            self.slots[row.slot] = slot;
        }
        output
    }
}

impl Slot {
    /// Room for `capacity` tokens; what was there is lost.
    fn reserve(&mut self, shape: CacheShape, capacity: usize) {
        if capacity > self.capacity {
            self.capacity = capacity;
            self.values = vec![0.0; shape.layers * 2 * shape.kv_heads * capacity * shape.dim];
        }
    }

    fn copy_prefix(&mut self, from: &Self, len: usize, dim: usize) {
        let heads = from.values.chunks_exact((from.capacity * dim).max(1));
        for (from, to) in heads.zip(self.values.chunks_exact_mut((self.capacity * dim).max(1))) {
            to[..len * dim].copy_from_slice(&from[..len * dim]);
        }
        self.len = len;
    }
}
