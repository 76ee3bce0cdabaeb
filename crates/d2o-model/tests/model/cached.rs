//! Decoding against a cache equals the full pass.

use burn::tensor::Tensor;
use d2o_model::{CausalLm, KvCache, Placement};

use crate::tiny::{batch, device, floats, ids, model, row, worst};

/// Final hidden states of `ids` in a row of its own.
fn full(model: &CausalLm, ids: &[u32]) -> Vec<f32> {
    let at = Placement::causal(1, ids.len(), &device());
    floats(model.hidden(batch(&[ids.to_vec()]), &at))
}

fn last(hidden: &Tensor<3>, index: usize) -> Vec<f32> {
    let [_, columns, _] = hidden.dims();
    floats(row(hidden, index).narrow(0, columns - 1, 1))
}

fn assert_last(model: &CausalLm, hidden: &Tensor<3>, index: usize, whole: &[u32]) {
    let expected = full(model, whole);
    let expected = &expected[expected.len() - model.config().hidden_size..];
    let difference = worst(&last(hidden, index), expected);
    assert!(difference < 1e-5, "row {index} after {} tokens: {difference}", whole.len());
}

/// Prompts padded on the left to one length, with the padding of each.
fn padded(prompts: &[Vec<u32>]) -> (Vec<Vec<u32>>, Vec<usize>) {
    let longest = prompts.iter().map(Vec::len).max().unwrap();
    let padding: Vec<usize> = prompts.iter().map(|prompt| longest - prompt.len()).collect();
    let rows = prompts.iter().zip(&padding).map(|(prompt, &pad)| [vec![0; pad], prompt.clone()].concat());
    (rows.collect(), padding)
}

/// Appends one token to every row and checks every row.
fn step(model: &CausalLm, cache: &mut KvCache, rows: &mut [Vec<u32>], padding: &[usize], seed: u64) {
    let next = ids(seed, rows.len());
    let columns: Vec<Vec<u32>> = next.iter().map(|&id| vec![id]).collect();
    let hidden = model.forward_cached(batch(&columns), padding, cache);
    for (index, row) in rows.iter_mut().enumerate() {
        row.push(next[index]);
        assert_last(model, &hidden, index, row);
    }
}

#[test]
fn tokens_one_by_one_or_in_blocks_equal_the_full_pass() {
    let model = model(false);
    let whole = ids(1, 12);
    for block in [1, 5, 12] {
        let mut cache = model.new_cache(1, 12);
        let mut states = Vec::new();
        for part in whole.chunks(block) {
            states.extend(floats(model.forward_cached(batch(&[part.to_vec()]), &[0], &mut cache)));
        }
        assert_eq!((cache.len(), cache.capacity()), (12, 12));
        assert!(worst(&states, &full(&model, &whole)) < 1e-5, "blocks of {block}");
    }
}

#[test]
fn rows_of_different_lengths_decode_as_if_alone() {
    let model = model(false);
    let mut prompts = vec![ids(1, 7), ids(2, 1), ids(3, 4)];
    let (rows, padding) = padded(&prompts);
    assert_eq!(padding, [0, 6, 3]);
    let mut cache = model.new_cache(3, 16);
    let hidden = model.forward_cached(batch(&rows), &padding, &mut cache);
    assert!(floats(hidden.clone()).iter().all(|value| value.is_finite()), "padding is finite");
    for (index, prompt) in prompts.iter().enumerate() {
        assert_last(&model, &hidden, index, prompt);
    }
    for seed in 30..34 {
        step(&model, &mut cache, &mut prompts, &padding, seed);
    }
}

#[test]
fn rows_that_finished_can_leave_and_rows_can_be_doubled() {
    let model = model(false);
    let mut rows = vec![ids(1, 5), ids(2, 3), ids(3, 2)];
    let (columns, mut padding) = padded(&rows);
    let mut cache = model.new_cache(3, 12);
    model.forward_cached(batch(&columns), &padding, &mut cache);
    for keep in [vec![2, 0], vec![0, 0, 1], vec![1]] {
        cache = cache.select_rows(&keep);
        assert_eq!(cache.rows(), keep.len());
        rows = keep.iter().map(|&index| rows[index].clone()).collect();
        padding = keep.iter().map(|&index| padding[index]).collect();
        step(&model, &mut cache, &mut rows, &padding, 40 + keep.len() as u64);
    }
}

#[test]
fn a_clone_of_the_cache_goes_its_own_way() {
    let model = model(false);
    let mut left = vec![ids(1, 4)];
    let mut right = left.clone();
    let mut cache = model.new_cache(1, 8);
    assert!(cache.is_empty());
    model.forward_cached(batch(&left), &[0], &mut cache);
    let mut other = cache.clone();
    for seed in [50, 51] {
        step(&model, &mut cache, &mut left, &[0], seed);
        step(&model, &mut other, &mut right, &[0], seed + 10);
    }
}

#[test]
#[should_panic(expected = "the cache has no room")]
fn a_full_cache_takes_no_more() {
    let model = model(false);
    let mut cache = model.new_cache(1, 3);
    model.forward_cached(batch(&[ids(1, 4)]), &[0], &mut cache);
}
