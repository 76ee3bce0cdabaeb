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
use crate::level::{Level, multiversion};
use crate::math;

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

/// One layer's attention over all rows.
struct Step<'a> {
    level: Level,
    layer: usize,
    tokens: usize,
    shape: CacheShape,
    queries: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    scoring: Scoring,
}

impl Step<'_> {
    fn row(&self, slot: &mut Slot, row: Fresh, first: usize, output: SharedOutput<'_>) {
        let CacheShape { kv_heads, dim, .. } = self.shape;
        let end = slot.len + row.tokens;
        assert!(end <= slot.capacity, "slot {} has no room for {end} tokens, or is named twice", row.slot);
        let (head, layer) = (slot.capacity * dim, 2 * kv_heads * slot.capacity * dim);
        let cached = &mut slot.values[self.layer * layer..(self.layer + 1) * layer];
        let (cached_keys, cached_values) = cached.split_at_mut(kv_heads * head);
        let mut scores = vec![0f32; end];
        for kv_head in 0..kv_heads {
            let fresh = (kv_head * self.tokens + first) * dim..(kv_head * self.tokens + first + row.tokens) * dim;
            let (keys, values) =
                (&mut cached_keys[kv_head * head..][..head], &mut cached_values[kv_head * head..][..head]);
            keys[slot.len * dim..end * dim].copy_from_slice(&self.keys[fresh.clone()]);
            values[slot.len * dim..end * dim].copy_from_slice(&self.values[fresh]);
            self.head(kv_head, [keys, values], slot.len, row.tokens, first, &mut scores, output);
        }
    }

    #[allow(unsafe_code, clippy::too_many_arguments)]
    fn head(
        &self,
        kv_head: usize,
        [keys, values]: [&[f32]; 2],
        seen: usize,
        fresh: usize,
        first: usize,
        scores: &mut [f32],
        output: SharedOutput<'_>,
    ) {
        let dim = self.shape.dim;
        let heads = self.queries.len() / (self.tokens * dim);
        let group = heads / self.shape.kv_heads;
        for head in kv_head * group..(kv_head + 1) * group {
            for token in 0..fresh {
                let at = (head * self.tokens + first + token) * dim;
                let end = seen + token + 1;
                let visible = self.scoring.window.map_or(0, |window| end.saturating_sub(window))..end;
                // SAFETY: each head and token of each row is written once, and slots are distinct.
                let out = unsafe { output.part(at, dim) };
                let query = &self.queries[at..at + dim];
                attend_query(
                    self.level,
                    query,
                    &keys[visible.start * dim..end * dim],
                    &values[visible.start * dim..end * dim],
                    self.scoring.scale as f32,
                    self.scoring.cap.map(|cap| cap as f32),
                    &mut scores[visible],
                    out,
                );
            }
        }
    }
}

multiversion! {
    fn attend_query(
        query: &[f32],
        keys: &[f32],
        values: &[f32],
        scale: f32,
        cap: Option<f32>,
        scores: &mut [f32],
        out: &mut [f32],
    ) = attend_query_body
}

#[inline(always)]
fn attend_query_body<const FMA: bool>(
    query: &[f32],
    keys: &[f32],
    values: &[f32],
    scale: f32,
    cap: Option<f32>,
    scores: &mut [f32],
    out: &mut [f32],
) {
    let dim = query.len();
    for (score, key) in scores.iter_mut().zip(keys.chunks_exact(dim)) {
        *score = math::dot::<FMA>(query, key) * scale;
    }
    if let Some(cap) = cap {
        for score in scores.iter_mut() {
            // cap · tanh(x / cap), by the exponential at hand.
            *score = cap * (1.0 - 2.0 / (math::exp::<FMA>(*score * (2.0 / cap)) + 1.0));
        }
    }
    let largest = math::max(scores);
    for score in scores.iter_mut() {
        *score = math::exp::<FMA>(*score - largest);
    }
    let norm = 1.0 / math::sum(scores);
    out.fill(0.0);
    for (&weight, value) in scores.iter().zip(values.chunks_exact(dim)) {
        math::add_scaled::<FMA>(out, weight * norm, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, noise, on_threads};

    const SHAPE: CacheShape = CacheShape { layers: 2, kv_heads: 2, dim: 20 };
    const HEADS: usize = 4;
    const SCORING: Scoring = Scoring { scale: 0.3, cap: None, window: None };

    /// Attention by its definition, over one row `[heads, len, dim]`.
    fn expected([q, k, v]: [&[f32]; 3], len: usize, scoring: Scoring) -> Vec<f32> {
        let (dim, group) = (SHAPE.dim, HEADS / SHAPE.kv_heads);
        let mut out = vec![0.0; q.len()];
        for head in 0..HEADS {
            let own = |x: &[f32], head: usize, token: usize| x[(head * len + token) * dim..][..dim].to_vec();
            for token in 0..len {
                let first = scoring.window.map_or(0, |window| (token + 1).saturating_sub(window));
                let scores: Vec<f64> = (first..=token)
                    .map(|key| {
                        let (q, k) = (own(q, head, token), own(k, head / group, key));
                        let dot: f64 = q.iter().zip(&k).map(|(q, k)| f64::from(q * k)).sum();
                        let score = dot * scoring.scale;
                        scoring.cap.map_or(score, |cap| cap * (score / cap).tanh()).exp()
                    })
                    .collect();
                let total: f64 = scores.iter().sum();
                for (key, score) in (first..=token).zip(scores) {
                    for (d, value) in own(v, head / group, key).into_iter().enumerate() {
                        out[(head * len + token) * dim + d] += (score / total * f64::from(value)) as f32;
                    }
                }
            }
        }
        out
    }

    /// Queries, keys and values of `len` tokens.
    fn row(len: usize, seed: u64) -> [Vec<f32>; 3] {
        let size = |heads| heads * len * SHAPE.dim;
        [noise(size(HEADS), seed), noise(size(SHAPE.kv_heads), seed + 1), noise(size(SHAPE.kv_heads), seed + 2)]
    }

    /// Tokens `range` of each head.
    fn tokens(x: &[f32], len: usize, range: std::ops::Range<usize>) -> Vec<f32> {
        x.chunks_exact(len * SHAPE.dim)
            .flat_map(|head| head[range.start * SHAPE.dim..range.end * SHAPE.dim].to_vec())
            .collect()
    }

    /// Two rows' tokens side by side.
    fn beside(a: &[f32], b: &[f32], a_len: usize, b_len: usize) -> Vec<f32> {
        let heads = a.chunks_exact(a_len * SHAPE.dim).zip(b.chunks_exact(b_len * SHAPE.dim));
        heads.flat_map(|(a, b)| a.iter().chain(b).copied().collect::<Vec<_>>()).collect()
    }

    fn attend(
        cache: &mut RaggedCache,
        level: Level,
        rows: &[Fresh],
        inputs: [&[f32]; 3],
        scoring: Scoring,
    ) -> Vec<f32> {
        let out = cache.attend_slices(level, 1, rows, inputs, scoring);
        cache.advance(rows);
        out
    }

    #[test]
    fn a_row_in_pieces_equals_the_definition_at_every_level() {
        let [q, k, v] = row(11, 1);
        for scoring in [SCORING, Scoring { cap: Some(0.7), ..SCORING }, Scoring { window: Some(4), ..SCORING }] {
            let expected = expected([&q, &k, &v], 11, scoring);
            for level in Level::all() {
                let mut cache = RaggedCache::new(SHAPE);
                cache.begin(0, 11, None);
                for range in [0..6, 6..7, 7..11] {
                    let part = |x: &[f32]| tokens(x, 11, range.clone());
                    let rows = [Fresh { slot: 0, tokens: range.len() }];
                    let found = attend(&mut cache, level, &rows, [&part(&q), &part(&k), &part(&v)], scoring);
                    assert_close(&found, &part(&expected), 2e-6, level.name());
                }
            }
        }
    }

    #[test]
    fn company_and_threads_change_no_bit() {
        let (a, b) = (row(9, 1), row(5, 7));
        let level = Level::best();
        let alone = |[q, k, v]: &[Vec<f32>; 3], len| {
            let mut cache = RaggedCache::new(SHAPE);
            cache.begin(0, len, None);
            attend(&mut cache, level, &[Fresh { slot: 0, tokens: len }], [q, k, v], SCORING)
        };
        let both: [Vec<f32>; 3] = std::array::from_fn(|i| beside(&a[i], &b[i], 9, 5));
        for threads in [1, 4] {
            let found = on_threads(threads, || {
                let mut cache = RaggedCache::new(SHAPE);
                cache.begin(3, 9, None);
                cache.begin(1, 5, None);
                let rows = [Fresh { slot: 3, tokens: 9 }, Fresh { slot: 1, tokens: 5 }];
                attend(&mut cache, level, &rows, [&both[0], &both[1], &both[2]], SCORING)
            });
            assert_eq!(found, beside(&alone(&a, 9), &alone(&b, 5), 9, 5));
        }
    }

    #[test]
    fn a_row_goes_on_from_the_beginning_of_another() {
        let [q, k, v] = row(8, 3);
        let level = Level::best();
        let part = |x: &[f32], range| tokens(x, 8, range);
        let mut cache = RaggedCache::new(SHAPE);
        cache.begin(0, 8, None);
        let whole = attend(&mut cache, level, &[Fresh { slot: 0, tokens: 8 }], [&q, &k, &v], SCORING);
        // In another slot, in its own, and in its own with more room.
        for (slot, capacity) in [(2, 10), (0, 8), (0, 20)] {
            cache.begin(slot, capacity, Some((0, 5)));
            assert_eq!(cache.seen(slot), 5);
            let rows = [Fresh { slot, tokens: 3 }];
            let found = attend(&mut cache, level, &rows, [&part(&q, 5..8), &part(&k, 5..8), &part(&v, 5..8)], SCORING);
            assert_eq!(found, part(&whole, 5..8));
        }
    }

    #[test]
    #[should_panic(expected = "no room")]
    fn a_full_slot_is_refused() {
        let [q, k, v] = row(3, 3);
        let mut cache = RaggedCache::new(SHAPE);
        cache.begin(0, 2, None);
        attend(&mut cache, Level::best(), &[Fresh { slot: 0, tokens: 3 }], [&q, &k, &v], SCORING);
    }
}
