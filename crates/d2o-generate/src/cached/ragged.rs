//! Rows of any length side by side, with shared beginnings computed once.

use burn::tensor::Tensor;
use d2o_model::{CausalLm, Fresh, RaggedCache};
use d2o_sampler::Row;

/// A beginning shorter than this is computed again rather than waited for.
const WORTH_WAITING: usize = 8;

/// The cache, and which tokens each of its slots has seen: also of rows that have finished, whose
/// beginnings serve newcomers until the slot is taken.
pub(super) struct Ragged {
    cache: RaggedCache,
    seen: Vec<Vec<u32>>,
}

impl Ragged {
    pub(super) fn new(cache: RaggedCache) -> Self {
        Self { cache, seen: Vec::new() }
    }

    /// Logits after each row, `[rows, vocab]`.
    ///
    /// Newcomers run in as few passes as their common beginnings allow: all samples of one prompt wait
    /// for the first of them, and go on from its cache. Running rows take part in the last pass.
    pub(super) fn next_logits(&mut self, model: &CausalLm, rows: &[Row<'_>], max_new_tokens: usize) -> Tensor<2> {
        let slots = rows.iter().map(|row| row.slot + 1).max().unwrap_or(0);
        self.seen.resize(self.seen.len().max(slots), Vec::new());
        let (mut waiting, running): (Vec<usize>, Vec<usize>) =
            (0..rows.len()).partition(|&index| rows[index].fresh == rows[index].ids.len());
        // What the newcomers' slots held is over only when each begins: until then it may serve.
        let mut order = Vec::with_capacity(rows.len());
        let mut states = Vec::new();
        loop {
            let (mut pass, later) = self.admit(rows, &waiting, max_new_tokens);
            if later.is_empty() {
                pass.extend(&running);
            }
            if !pass.is_empty() {
                states.push(self.run(model, rows, &pass));
            }
            order.extend(pass);
            waiting = later;
            if waiting.is_empty() {
                break;
            }
        }
        let mut places = vec![0i64; rows.len()];
        for (place, &row) in order.iter().enumerate() {
            places[row] = place as i64;
        }
        let states = Tensor::cat(states, 0);
        let places = burn::tensor::TensorData::from(places.as_slice());
        let device = states.device();
        model.logits(states.select(0, Tensor::from_data(places, &device)))
    }

    /// Begins the rows that can run now, and tells which have to wait for one of them.
    fn admit(&mut self, rows: &[Row<'_>], waiting: &[usize], max_new_tokens: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut now, mut later) = (Vec::new(), Vec::new());
        for &index in waiting {
            let row = &rows[index];
            let known = self.longest_known(row.ids);
            let shared = known.map_or(0, |(_, len)| len);
            let coming = now.iter().map(|&other: &usize| common(rows[other].ids, row.ids)).max().unwrap_or(0);
            if coming >= shared + WORTH_WAITING {
                later.push(index);
                continue;
            }
            self.cache.begin(row.slot, row.ids.len() + max_new_tokens, known);
            self.seen[row.slot].clear();
            self.seen[row.slot].extend(&row.ids[..shared]);
            now.push(index);
        }
        (now, later)
    }

    /// The slot that has seen most of `ids`, and how much; at least one token stays to be computed.
    fn longest_known(&self, ids: &[u32]) -> Option<(usize, usize)> {
        let matches = self.seen.iter().enumerate().map(|(slot, seen)| (slot, common(seen, ids)));
        matches.max_by_key(|&(_, len)| len).filter(|&(_, len)| len > 0)
    }

    /// Computes what is new of these rows.
    fn run(&mut self, model: &CausalLm, rows: &[Row<'_>], pass: &[usize]) -> Tensor<2> {
        let mut ids = Vec::new();
        let mut fresh = Vec::with_capacity(pass.len());
        for row in pass.iter().map(|&index| &rows[index]) {
            let seen = &mut self.seen[row.slot];
            let new = &row.ids[seen.len()..];
            ids.extend(new);
            fresh.push(Fresh { slot: row.slot, tokens: new.len() });
            seen.extend(new);
        }
        model.forward_ragged(&ids, &fresh, &mut self.cache)
    }
}

/// Length of the common beginning, the last token of `ids` left out.
fn common(seen: &[u32], ids: &[u32]) -> usize {
    seen.iter().zip(&ids[..ids.len() - 1]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::common;

    #[test]
    fn a_beginning_leaves_a_token_to_compute() {
        assert_eq!(common(&[1, 2, 3], &[1, 2, 4, 5]), 2);
        assert_eq!(common(&[1, 2, 3], &[1, 2, 3]), 2);
        assert_eq!(common(&[], &[1, 2, 3]), 0);
        assert_eq!(common(&[1, 2], &[1]), 0);
    }
}
