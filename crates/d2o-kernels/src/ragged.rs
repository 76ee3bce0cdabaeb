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

use crate::buffer::SharedOutput;
use crate::host;
use crate::level::Level;

mod attend;
mod slot;
#[cfg(test)]
mod tests;

use attend::{Query, Step};
use slot::Slot;

/// Rows that attend to one beginning in one piece of work: more would leave threads idle.
const COMPANY: usize = 16;

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

/// Rows that share all of their beginnings, and where their tokens stand in the list.
struct Company {
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
        self.store(layer, rows, [keys, values], tokens);
        let mut output = vec![0f32; queries.len()];
        let place = SharedOutput::new(&mut output);
        let step = Step { level, layer, shape: self.shape, scoring, queries };
        let companies = self.companies(rows);
        let work: Vec<(&Company, usize)> =
            companies.iter().flat_map(|company| (0..kv_heads).map(move |kv_head| (company, kv_head))).collect();
        let group = queries.len() / (tokens * dim).max(1) / kv_heads;
        work.into_par_iter().for_each(|(company, kv_head)| {
            let heads = kv_head * group..(kv_head + 1) * group;
            let slots: Vec<&Slot> = company.rows.iter().map(|(row, _)| &self.slots[row.slot]).collect();
            step.attend(kv_head, &slots, &company.queries(&slots, heads, [tokens, dim]), place);
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
    fn companies(&self, rows: &[Fresh]) -> Vec<Company> {
        let mut companies: Vec<Company> = Vec::new();
        let mut first = 0;
        for &row in rows {
            let slot = &self.slots[row.slot];
            let joins = |company: &&mut Company| {
                company.rows.len() < COMPANY && slot.begins_like(&self.slots[company.rows[0].0.slot])
            };
            match companies.iter_mut().find(joins) {
                Some(company) => company.rows.push((row, first)),
                None => companies.push(Company { rows: vec![(row, first)] }),
            }
            first += row.tokens;
        }
        companies
    }
}

impl Company {
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
