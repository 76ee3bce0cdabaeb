//! Rows side by side on the device, and which rows a step sees.

use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_model::{CausalLm, Placement};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::optim::order::Order;

/// Steps whose rows are sorted by length together, so that a batch holds rows of like length.
const WINDOW: usize = 8;

/// Token ids, of which those from `first_target` on are predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PretrainRow {
    /// All ids.
    pub ids: Vec<u32>,
    /// The first predicted one, at least 1.
    pub first_target: usize,
}

/// Padded rows, ready for one forward pass.
pub(crate) struct Batch {
    ids: Tensor<2, Int>,
    placement: Placement,
    predictors: Tensor<1, Int>,
    targets: Tensor<1, Int>,
    /// Predicted tokens.
    pub(crate) predicted: usize,
    /// Share of the places that hold no token.
    pub(crate) padding: f64,
}

impl Batch {
    /// Pads `rows` on the right. What stands right of a token never reaches it, so padding changes nothing.
    ///
    /// # Panics
    /// If there are no rows.
    pub(crate) fn new(rows: &[&PretrainRow], device: &Device) -> Self {
        let longest = rows.iter().map(|row| row.ids.len()).max().expect("a batch has rows");
        let mut ids = vec![0i64; rows.len() * longest];
        let (mut predictors, mut targets) = (Vec::new(), Vec::new());
        for (index, row) in rows.iter().enumerate() {
            let start = index * longest;
            for (offset, &id) in row.ids.iter().enumerate() {
                ids[start + offset] = i64::from(id);
                if offset >= row.first_target {
                    predictors.push((start + offset - 1) as i64);
                    targets.push(i64::from(id));
                }
            }
        }
        let tokens: usize = rows.iter().map(|row| row.ids.len()).sum();
        let padding = 1.0 - tokens as f64 / ids.len() as f64;
        let int = |data: &[i64]| Tensor::<1, Int>::from_data(TensorData::from(data), device);
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [rows.len(), longest]), device),
            placement: Placement::causal(rows.len(), longest, device),
            predicted: targets.len(),
            padding,
            predictors: int(&predictors),
            targets: int(&targets),
        }
    }

    /// Mean negative log-likelihood of the predicted tokens, nats per token, `[1]`.
    pub(crate) fn loss(&self, model: &CausalLm, head_rows: usize) -> Tensor<1> {
        let hidden = model.hidden(self.ids.clone(), &self.placement);
        let [rows, columns, width] = hidden.dims();
        let hidden = hidden.reshape([rows * columns, width]).select(0, self.predictors.clone());
        model.log_probs(hidden, self.targets.clone(), head_rows).mean().neg()
    }
}

/// Indices of the rows of `step`, a function of the order's seed and the step alone.
///
/// The rows of eight steps are sorted by length and dealt out to the eight steps in a drawn order.
pub(crate) fn rows_of_step(order: &Order, rows: &[PretrainRow], per_step: usize, seed: u64, step: usize) -> Vec<usize> {
    let window = step / WINDOW;
    let mut all: Vec<usize> = (window * WINDOW..(window + 1) * WINDOW).flat_map(|step| order.step(step)).collect();
    all.sort_by_key(|&row| (rows[row].ids.len(), row));
    let mut parts: Vec<&[usize]> = all.chunks(per_step).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(window as u64);
    parts.shuffle(&mut rng);
    // A short last step of an epoch leaves fewer parts than steps.
    parts[(step % WINDOW) % parts.len()].to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rows(count: usize) -> Vec<PretrainRow> {
        (0..count).map(|index| PretrainRow { ids: vec![1; 2 + index % 17], first_target: 1 }).collect()
    }

    #[test]
    fn padding_is_what_no_row_fills() {
        let [short, long] = [2, 6].map(|len| PretrainRow { ids: vec![1; len], first_target: 1 });
        let share = |rows: &[&PretrainRow]| Batch::new(rows, &d2o_testing::device::device()).padding;
        assert_eq!(share(&[&short, &long, &long]), 4.0 / 18.0);
        assert_eq!(share(&[&short, &short]), 0.0);
    }

    #[test]
    fn an_epoch_sees_every_row_once_in_batches_of_like_length() {
        let rows = rows(64);
        let order = Order::new(64, 4, 9);
        let batches: Vec<Vec<usize>> = (0..16).map(|step| rows_of_step(&order, &rows, 4, 9, step)).collect();
        let seen: BTreeSet<usize> = batches.iter().flatten().copied().collect();
        assert_eq!(seen.len(), 64);
        let spread = |batch: &Vec<usize>| {
            let lengths = batch.iter().map(|&row| rows[row].ids.len());
            lengths.clone().max().unwrap_or(0) - lengths.min().unwrap_or(0)
        };
        // Unsorted, four lengths out of 2 to 18 spread over about 11.
        assert!(batches.iter().map(spread).sum::<usize>() < 16 * 5);
        assert_eq!(batches[5], rows_of_step(&order, &rows, 4, 9, 5));
    }
}
