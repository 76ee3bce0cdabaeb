//! From logits to the distribution that the next token is drawn from.

use crate::SamplerConfig;
use std::cmp::Ordering;

/// The tokens that survive a configuration's filters, with their probabilities.
///
/// The filters and their order are those of Hugging Face transformers' logits processors:
/// repetition penalty, temperature, top-k, top-p, min-p.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    kept: Vec<Candidate>,
    total: f64,
}

/// A token drawn from a [`Distribution`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawnToken {
    /// The token.
    pub id: u32,
    /// Its log-probability under the filtered distribution, in nats.
    pub log_prob: f64,
}

/// A token and its probability relative to the likeliest token's.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    id: u32,
    weight: f64,
}

impl Distribution {
    /// Filters one row of logits.
    ///
    /// With `l` the penalised logits and `T` the temperature, kept tokens have probability
    /// `exp(l_i / T) / Σ_kept exp(l_j / T)`. Temperature 0 keeps one token, the likeliest, of
    /// equals the one with the lowest id.
    ///
    /// # Shapes
    /// - `logits`: `[vocab]`, all finite
    /// - `context`: the ids so far, prompt included; only the repetition penalty looks at them
    ///
    /// # Panics
    /// If `logits` is empty, or an id of `context` has no logit while a penalty is set.
    pub fn new(logits: &[f32], context: &[u32], config: &SamplerConfig) -> Self {
        assert!(!logits.is_empty(), "a distribution needs at least one logit");
        let mut scores = logits.to_vec();
        if config.repetition_penalty != 1.0 {
            penalise(&mut scores, logits, context, config.repetition_penalty);
        }
        if config.is_greedy() {
            let likeliest = Candidate { id: argmax(&scores), weight: 1.0 };
            return Self { kept: vec![likeliest], total: 1.0 };
        }
        if (1..scores.len()).contains(&config.top_k) {
            mask_below_kth(&mut scores, config.top_k);
        }
        let weights = relative_weights(&scores, config.temperature);
        let kept = keep_likely(&weights, config.top_p, config.min_p);
        let total = kept.iter().map(|candidate| candidate.weight).sum();
        Self { kept, total }
    }

    /// Kept tokens in the order of their ids, each with its probability. These sum to 1.
    pub fn probs(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.kept.iter().map(|candidate| (candidate.id, candidate.weight / self.total))
    }

    /// Inverts the cumulative distribution, tokens in the order of their ids: the first token at
    /// which the cumulative probability exceeds `uniform`, a number in `[0, 1)`.
    pub fn draw(&self, uniform: f64) -> DrawnToken {
        let target = uniform * self.total;
        let mut cumulative = 0.0;
        let mut chosen = self.kept[0];
        for &candidate in &self.kept {
            chosen = candidate;
            cumulative += candidate.weight;
            if cumulative > target {
                break;
            }
        }
        DrawnToken { id: chosen.id, log_prob: (chosen.weight / self.total).ln() }
    }
}

/// Divides positive and multiplies negative logits of the tokens in `context`, each once however
/// often it occurs.
fn penalise(scores: &mut [f32], logits: &[f32], context: &[u32], penalty: f64) {
    let penalty = penalty as f32;
    for &id in context {
        let logit = logits[id as usize];
        scores[id as usize] = if logit < 0.0 { logit * penalty } else { logit / penalty };
    }
}

fn argmax(scores: &[f32]) -> u32 {
    let mut best = 0;
    for (id, &score) in scores.iter().enumerate() {
        if score > scores[best] {
            best = id;
        }
    }
    best as u32
}

/// Sets every score below the `k`-th largest to minus infinity.
fn mask_below_kth(scores: &mut [f32], k: usize) {
    let mut ranked = scores.to_vec();
    let (_, &mut threshold, _) = ranked.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    for score in scores {
        if *score < threshold {
            *score = f32::NEG_INFINITY;
        }
    }
}

/// `exp((l_i − max l) / T)`: probabilities relative to the likeliest token's, which is exactly 1.
fn relative_weights(scores: &[f32], temperature: f64) -> Vec<f32> {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let inverse = (1.0 / temperature) as f32;
    scores.iter().map(|&score| exp((score - max) * inverse)).collect()
}

/// `exp(x)` for `x ≤ 0`, relative error below 2e-7, 0 below −87.3: without branches and calls, so that
/// a vocabulary's worth of them vectorises.
///
/// `x = n ln 2 + r`; `exp(r)` by a polynomial (coefficients of Cephes' `expf`), `2ⁿ` by its bits.
fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2²³ leaves the rounded integer in the mantissa's low bits.
    const ROUND: f32 = 12_582_912.0;
    const COEFFICIENTS: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5];
    let clamped = x.max(-87.3);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, so that the remainder keeps its low bits.
    let r = (clamped - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = COEFFICIENTS.into_iter().fold(0.0, |p, coefficient| p * r + coefficient);
    let y = (p * r * r + r + 1.0) * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.3 { 0.0 } else { y }
}

/// Applies top-p and min-p. Both keep a head of the tokens ranked by likelihood, so the shorter
/// head is what both keep.
fn keep_likely(weights: &[f32], top_p: f64, min_p: f64) -> Vec<Candidate> {
    let total: f64 = weights.chunks(256).map(|block| f64::from(block.iter().sum::<f32>())).sum();
    // Tokens of at most this weight weigh at most (1 − p) of everything together, so those above
    // it reach p without them. Zero when p is 1: what cannot be drawn is never kept.
    let floor = (1.0 - top_p) * total / weights.len() as f64;
    let mut kept: Vec<Candidate> = (0..)
        .zip(weights)
        .map(|(id, &weight)| Candidate { id, weight: f64::from(weight) })
        .filter(|candidate| candidate.weight > floor && candidate.weight >= min_p)
        .collect();
    if top_p < 1.0
        && let Some(last) = last_of_nucleus(&kept, top_p * total)
    {
        kept.retain(|candidate| by_likelihood(candidate, &last) != Ordering::Greater);
    }
    kept
}

/// The token at which the mass of the likeliest tokens reaches `needed`, if it does.
///
/// Sorts only the head: blocks of growing size are split off by selection until the mass is there.
fn last_of_nucleus(candidates: &[Candidate], needed: f64) -> Option<Candidate> {
    let mut ranked = candidates.to_vec();
    let mut rest = ranked.as_mut_slice();
    let mut block = 64;
    let mut mass = 0.0;
    while !rest.is_empty() {
        if block < rest.len() {
            rest.select_nth_unstable_by(block, by_likelihood);
        }
        let (head, tail) = rest.split_at_mut(block.min(rest.len()));
        head.sort_unstable_by(by_likelihood);
        for &candidate in head.iter() {
            mass += candidate.weight;
            if mass >= needed {
                return Some(candidate);
            }
        }
        rest = tail;
        block *= 4;
    }
    None
}

/// Likelier first; of equals the lower id first.
fn by_likelihood(a: &Candidate, b: &Candidate) -> Ordering {
    b.weight.total_cmp(&a.weight).then(a.id.cmp(&b.id))
}
