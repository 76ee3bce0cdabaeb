//! One layer's attention of new tokens, a row and a head at a time.

use super::{CacheShape, Fresh, Scoring, Slot};
use crate::buffer::SharedOutput;
use crate::level::{Level, multiversion};
use crate::math;

/// One layer's attention over all rows.
pub(super) struct Step<'a> {
    pub(super) level: Level,
    pub(super) layer: usize,
    pub(super) tokens: usize,
    pub(super) shape: CacheShape,
    pub(super) queries: &'a [f32],
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
    pub(super) scoring: Scoring,
}

impl Step<'_> {
    /// Stores a row's new keys and values and attends to them and to those before them.
    pub(super) fn row(&self, slot: &mut Slot, row: Fresh, first: usize, output: SharedOutput<'_>) {
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
