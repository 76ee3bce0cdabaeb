//! Attention of new tokens to what each row has seen, rows of any length side by side.
//!
//! A batch that is padded to its longest row computes nothing in many places, and a row cannot join it
//! later. Here each slot of the cache has its own length: prompts of newcomers and single tokens of
//! running rows go through the model in one list of tokens, and a row's arithmetic does not depend on
//! its company.
//!
//! Rows that begin alike hold one copy of their common beginning, and attend to it together: it is read
//! once for all of them. With many samples of one long prompt that is most of what there is to read.

use std::ops::Range;

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::cpu::buffer::SharedOutput;
use crate::cpu::level::Level;
use crate::host;

mod attend;
mod shape;
mod slot;
#[cfg(test)]
mod tests;

use attend::{Query, Step};
use slot::Slot;

pub use shape::{CacheShape, Fresh, Scoring};

/// Rows that attend to one beginning in one piece of work: more would leave threads idle.
const MAX_PREFIX_GROUP: usize = 16;

/// Keys and values of rows of different lengths.
#[derive(Clone, Debug)]
pub struct RaggedCache {
    shape: CacheShape,
    slots: Vec<Slot>,
}

/// Rows that share all of their beginnings, and where their tokens stand in the list.
struct PrefixGroup {
    rows: Vec<(Fresh, usize)>,
}

impl RaggedCache {
    /// Without any row.
    pub fn new(shape: CacheShape) -> Self {
        Self { shape, slots: Vec::new() }
    }

    /// Tokens that a slot has seen; none if it never began.
    pub fn seen(&self, slot: usize) -> usize {
        self.slots.get(slot).map_or(0, Slot::seen)
    }

    /// Starts a row of at most `capacity` tokens in `slot`, whatever was there before. With a `prefix`, the
    /// first tokens of a slot (this one, too) and how many, the row has seen those already.
    ///
    /// A prefix worth sharing is held once by all rows that begin with it, and lives as long as one of them.
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
        if from == slot {
            self.slots[slot].restart(self.shape, capacity, len);
            return;
        }
        self.slots[from].share(self.shape, len);
        let mut row = std::mem::take(&mut self.slots[slot]);
        row.begin_like(self.shape, capacity, &self.slots[from], len);
        self.slots[slot] = row;
    }

    /// Counts the new tokens as seen, once all layers have attended.
    pub fn advance(&mut self, rows: &[Fresh]) {
        for row in rows {
            self.slots[row.slot].advance(row.tokens);
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
    /// (see [`is_untracked_on_cpu`](crate::is_untracked_on_cpu)).
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
        self.store(layer, rows, [keys, values], tokens);
        let mut output = vec![0f32; queries.len()];
        let place = SharedOutput::new(&mut output);
        let step = Step { level, layer, shape: self.shape, scoring, queries };
        let groups = self.prefix_groups(rows);
        let work: Vec<(&PrefixGroup, usize)> =
            groups.iter().flat_map(|group| (0..kv_heads).map(move |kv_head| (group, kv_head))).collect();
        let per_kv_head = queries.len() / (tokens * dim).max(1) / kv_heads;
        work.into_par_iter().for_each(|(group, kv_head)| {
            let heads = kv_head * per_kv_head..(kv_head + 1) * per_kv_head;
            let slots: Vec<&Slot> = group.rows.iter().map(|(row, _)| &self.slots[row.slot]).collect();
            step.attend(kv_head, &slots, &group.queries(&slots, heads, [tokens, dim]), place);
        });
        output
    }

    /// Writes the new keys and values behind what each row has seen.
    fn store(&mut self, layer: usize, rows: &[Fresh], [keys, values]: [&[f32]; 2], tokens: usize) {
        let mut places: Vec<Option<(usize, usize)>> = vec![None; self.slots.len()];
        let mut first = 0;
        for row in rows {
            let place = places.get_mut(row.slot).expect("a slot has begun before it attends");
            assert!(place.is_none(), "slot {} is named twice", row.slot);
            *place = Some((first, row.tokens));
            first += row.tokens;
        }
        let shape = self.shape;
        self.slots.par_iter_mut().zip(places).enumerate().for_each(|(index, (slot, place))| {
            let Some((first, fresh)) = place else { return };
            assert!(slot.has_room(fresh), "slot {index} has no room for {fresh} tokens more");
            for kv_head in 0..shape.kv_heads {
                let range = (kv_head * tokens + first) * shape.dim..(kv_head * tokens + first + fresh) * shape.dim;
                slot.write(shape, layer, kv_head, [&keys[range.clone()], &values[range]]);
            }
        });
    }

    /// The rows, those with the same beginnings together.
    fn prefix_groups(&self, rows: &[Fresh]) -> Vec<PrefixGroup> {
        let mut groups: Vec<PrefixGroup> = Vec::new();
        let mut first = 0;
        for &row in rows {
            let slot = &self.slots[row.slot];
            let joins = |group: &&mut PrefixGroup| {
                group.rows.len() < MAX_PREFIX_GROUP && slot.begins_like(&self.slots[group.rows[0].0.slot])
            };
            match groups.iter_mut().find(joins) {
                Some(group) => group.rows.push((row, first)),
                None => groups.push(PrefixGroup { rows: vec![(row, first)] }),
            }
            first += row.tokens;
        }
        groups
    }
}

impl PrefixGroup {
    /// The queries of some heads, row after row and token after token.
    fn queries(&self, slots: &[&Slot], heads: Range<usize>, [tokens, dim]: [usize; 2]) -> Vec<Query> {
        let rows = self.rows.iter().zip(slots).enumerate();
        let queries = rows.flat_map(|(row, ((fresh, first), slot))| {
            let heads = heads.clone();
            (0..fresh.tokens).flat_map(move |token| {
                let end = slot.seen() + token + 1;
                heads.clone().map(move |head| Query { row, end, at: (head * tokens + first + token) * dim })
            })
        });
        queries.collect()
    }
}
