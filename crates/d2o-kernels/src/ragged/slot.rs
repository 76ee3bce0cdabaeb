//! What one row has seen: beginnings that it may share with others, and tokens of its own.

use std::ops::Range;
use std::sync::Arc;

use super::shape::CacheShape;
use crate::cpu::math::LANES;

/// A beginning of fewer tokens is copied: many small pieces would cost more than they save.
const WORTH_SHARING: usize = 32;

/// Keys and values of some tokens in all layers.
///
/// Keys stand in blocks of [`LANES`] tokens, dimension after dimension, so that the scores of a block come
/// about without a sum across lanes; values row after row, padded with zeros to whole lanes.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// Tokens that have room, a multiple of [`LANES`].
    capacity: usize,
    /// `[layer][kv head][capacity / LANES][dim][LANES]`.
    keys: Vec<f32>,
    /// `[layer][kv head][capacity][padded dim]`.
    values: Vec<f32>,
}

/// The first tokens of a block that no longer changes.
#[derive(Clone, Debug)]
struct Segment {
    block: Arc<Block>,
    len: usize,
}

/// One head's keys and values of consecutive tokens of a row.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
    /// The first of them, counted from the row's beginning.
    pub(super) first: usize,
    /// How many.
    pub(super) len: usize,
}

/// One row.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    segments: Vec<Segment>,
    own: Block,
    /// Tokens in `own`.
    len: usize,
    /// Tokens that the row may have in all.
    room: usize,
}

/// The width of a row of values.
pub(super) fn padded(dim: usize) -> usize {
    dim.next_multiple_of(LANES)
}

impl Block {
    fn new(shape: CacheShape, capacity: usize) -> Self {
        let capacity = capacity.next_multiple_of(LANES);
        let rows = shape.layers * shape.kv_heads * capacity;
        Self { capacity, keys: vec![0.0; rows * shape.dim], values: vec![0.0; rows * padded(shape.dim)] }
    }

    /// Where the keys and the values of a head stand.
    fn head(&self, shape: CacheShape, layer: usize, kv_head: usize) -> [Range<usize>; 2] {
        let index = layer * shape.kv_heads + kv_head;
        [shape.dim, padded(shape.dim)].map(|width| {
            let size = self.capacity * width;
            index * size..(index + 1) * size
        })
    }

    /// Copies tokens of another block, all layers and heads, to `at`.
    fn copy(&mut self, shape: CacheShape, at: usize, from: &Self, tokens: Range<usize>) {
        let width = padded(shape.dim);
        for (layer, kv_head) in (0..shape.layers).flat_map(|layer| (0..shape.kv_heads).map(move |head| (layer, head))) {
            let ([keys, values], [from_keys, from_values]) =
                (self.head(shape, layer, kv_head), from.head(shape, layer, kv_head));
            let (keys, from_keys) = (&mut self.keys[keys], &from.keys[from_keys]);
            for (to, token) in (at..).zip(tokens.clone()) {
                for d in 0..shape.dim {
                    keys[key(shape.dim, to, d)] = from_keys[key(shape.dim, token, d)];
                }
            }
            let (to, from) = (at * width, &from.values[from_values][tokens.start * width..tokens.end * width]);
            self.values[values][to..to + from.len()].copy_from_slice(from);
        }
    }
}

/// Where a token's key has dimension `d`, inside its head.
fn key(dim: usize, token: usize, d: usize) -> usize {
    (token / LANES * dim + d) * LANES + token % LANES
}

impl Slot {
    /// Tokens seen.
    pub(super) fn seen(&self) -> usize {
        self.shared() + self.len
    }

    /// Tokens seen that may be shared with other rows.
    fn shared(&self) -> usize {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Whether so many tokens more have room.
    pub(super) fn has_room(&self, fresh: usize) -> bool {
        self.seen() + fresh <= self.room
    }

    pub(super) fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }

    /// Whether both go on from the very same shared tokens, and there are some.
    pub(super) fn begins_like(&self, other: &Self) -> bool {
        let same = |(a, b): (&Segment, &Segment)| a.len == b.len && Arc::ptr_eq(&a.block, &b.block);
        !self.segments.is_empty()
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(same)
    }

    /// Keeps the first `len` tokens and makes room for `capacity`.
    pub(super) fn restart(&mut self, shape: CacheShape, capacity: usize, len: usize) {
        self.segments = self.beginning(len);
        self.len = len - self.shared();
        self.room = capacity;
        let needed = capacity - self.shared();
        if needed > self.own.capacity {
            let old = std::mem::replace(&mut self.own, Block::new(shape, needed));
            self.own.copy(shape, 0, &old, 0..self.len);
        }
    }

    /// Lets other rows hold this row's first `len` tokens, if there are enough of them that are its own.
    pub(super) fn share(&mut self, shape: CacheShape, len: usize) {
        let fixed = len.saturating_sub(self.shared());
        if fixed < WORTH_SHARING {
            return;
        }
        let rest = Block::new(shape, self.room - self.shared() - fixed);
        let block = std::mem::replace(&mut self.own, rest);
        self.own.copy(shape, 0, &block, fixed..self.len);
        self.len -= fixed;
        self.segments.push(Segment { block: Arc::new(block), len: fixed });
    }

    /// Begins a row with the first `len` tokens of another: held together where they are shared, copied else.
    pub(super) fn begin_like(&mut self, shape: CacheShape, capacity: usize, from: &Self, len: usize) {
        self.segments = from.beginning(len);
        // A few tokens of a long block would keep all of it alive.
        if self.segments.last().is_some_and(|last| last.len < WORTH_SHARING) {
            self.segments.pop();
        }
        let shared = self.shared();
        self.room = capacity;
        if capacity - shared > self.own.capacity {
            self.own = Block::new(shape, capacity - shared);
        }
        self.len = 0;
        let mut first = 0;
        let pieces = from.segments.iter().map(|segment| (&*segment.block, segment.len));
        for (block, held) in pieces.chain([(&from.own, from.len)]) {
            let tokens = shared.saturating_sub(first)..held.min(len.saturating_sub(first));
            if !tokens.is_empty() {
                let copied = tokens.len();
                self.own.copy(shape, self.len, block, tokens);
                self.len += copied;
            }
            first += held;
        }
    }

    /// The shared pieces of the first `len` tokens.
    fn beginning(&self, len: usize) -> Vec<Segment> {
        let mut left = len;
        let pieces = self.segments.iter().map(|segment| {
            let taken = segment.len.min(left);
            left -= taken;
            Segment { block: Arc::clone(&segment.block), len: taken }
        });
        pieces.filter(|segment| segment.len > 0).collect()
    }

    /// Stores keys and values `[tokens][dim]` of one head behind what has been seen.
    pub(super) fn write(&mut self, shape: CacheShape, layer: usize, kv_head: usize, [keys, values]: [&[f32]; 2]) {
        let (dim, width) = (shape.dim, padded(shape.dim));
        let [key_places, value_places] = self.own.head(shape, layer, kv_head);
        let (own_keys, own_values) = (&mut self.own.keys[key_places], &mut self.own.values[value_places]);
        for (token, (fresh_key, value)) in (self.len..).zip(keys.chunks_exact(dim).zip(values.chunks_exact(dim))) {
            for (d, &x) in fresh_key.iter().enumerate() {
                own_keys[key(dim, token, d)] = x;
            }
            own_values[token * width..token * width + dim].copy_from_slice(value);
        }
    }

    /// One head of the shared tokens, in order.
    pub(super) fn shared_parts(
        &self,
        shape: CacheShape,
        layer: usize,
        kv_head: usize,
    ) -> impl Iterator<Item = Part<'_>> {
        let mut first = 0;
        self.segments.iter().map(move |segment| {
            let [keys, values] = segment.block.head(shape, layer, kv_head);
            let (keys, values) = (&segment.block.keys[keys], &segment.block.values[values]);
            let part = Part { keys, values, first, len: segment.len };
            first += segment.len;
            part
        })
    }

    /// One head of the row's own tokens, new ones included, up to `end` of the row.
    pub(super) fn own_part(&self, shape: CacheShape, layer: usize, kv_head: usize, end: usize) -> Part<'_> {
        let [keys, values] = self.own.head(shape, layer, kv_head);
        let first = self.shared();
        Part { keys: &self.own.keys[keys], values: &self.own.values[values], first, len: end - first }
    }
}
