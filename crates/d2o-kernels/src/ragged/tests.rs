//! Rows in pieces, in company and behind the beginnings of others.

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

fn attend(cache: &mut RaggedCache, level: Level, rows: &[Fresh], inputs: [&[f32]; 3], scoring: Scoring) -> Vec<f32> {
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

/// Rows that begin with all but one of `len` tokens, or with fewer of them, and go on with other tokens each.
#[test]
fn a_beginning_that_is_shared_gives_the_bits_of_one_that_is_not() {
    const LEN: usize = 90;
    let scorings = [SCORING, Scoring { cap: Some(0.7), ..SCORING }, Scoring { window: Some(37), ..SCORING }];
    for (level, scoring) in Level::all().into_iter().flat_map(|level| scorings.map(|scoring| (level, scoring))) {
        let prompt = row(LEN, 1);
        let more: Vec<[Vec<f32>; 3]> = (0..5).map(|row_| row(4, 20 + 3 * row_)).collect();
        let [q, k, v] = &prompt;
        let alone = |kept: usize, more: &[Vec<f32>; 3]| {
            let mut cache = RaggedCache::new(SHAPE);
            cache.begin(0, LEN + 4, None);
            let part = |x: &[f32]| tokens(x, LEN, 0..kept);
            attend(&mut cache, level, &[Fresh { slot: 0, tokens: kept }], [&part(q), &part(k), &part(v)], scoring);
            let next = [Fresh { slot: 0, tokens: 4 }];
            attend(&mut cache, level, &next, [&more[0], &more[1], &more[2]], scoring)
        };
        let mut cache = RaggedCache::new(SHAPE);
        cache.begin(0, LEN + 4, None);
        attend(&mut cache, level, &[Fresh { slot: 0, tokens: LEN }], [q, k, v], scoring);
        // The first goes on with all of it; two share all but one, one of them from the other; one what is too little
        // of a shared piece to be worth it, one a piece of a piece.
        for (slot, from, kept) in [(1, 0, LEN - 1), (2, 1, LEN - 1), (3, 2, 20), (4, 2, 50)] {
            cache.begin(slot, LEN + 4, Some((from, kept)));
            assert_eq!(cache.seen(slot), kept);
        }
        assert!(cache.slots[1].begins_like(&cache.slots[2]) && cache.slots[0].begins_like(&cache.slots[1]));
        assert!(!cache.slots[1].begins_like(&cache.slots[3]) && !cache.slots[1].begins_like(&cache.slots[4]));
        let rows: Vec<Fresh> = (0..5).map(|slot| Fresh { slot, tokens: 4 }).collect();
        let together: [Vec<f32>; 3] = std::array::from_fn(|i| {
            let others = more[1..].iter().enumerate();
            others.fold(more[0][i].clone(), |all, (n, next)| beside(&all, &next[i], 4 * (n + 1), 4))
        });
        let found = attend(&mut cache, level, &rows, [&together[0], &together[1], &together[2]], scoring);
        for (slot, kept) in [(0, LEN), (1, LEN - 1), (2, LEN - 1), (3, 20), (4, 50)] {
            let range = slot * 4..slot * 4 + 4;
            assert_eq!(tokens(&found, 20, range), alone(kept, &more[slot]), "{} slot {slot}", level.name());
            assert_eq!(cache.seen(slot), kept + 4);
        }
        // A slot that shared takes another row, of its own beginning or of none.
        cache.begin(1, LEN, Some((1, 60)));
        assert_eq!(cache.seen(1), 60);
        cache.begin(1, LEN, None);
        assert_eq!(cache.seen(1), 0);
        let again = attend(&mut cache, level, &[Fresh { slot: 1, tokens: LEN }], [q, k, v], scoring);
        assert_close(&again, &expected([q, k, v], LEN, scoring), 2e-6, level.name());
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
