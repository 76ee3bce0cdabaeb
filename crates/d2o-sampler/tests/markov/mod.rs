//! A model whose distributions are known exactly: the next token depends on the last one alone.
#![allow(dead_code, reason = "each test binary uses its own part")]

use burn::tensor::{Device, Tensor, TensorData};
use d2o_sampler::{NextLogits, Row};

/// Gives `ln p(next | last)` and keeps a record of how it was called.
pub(crate) struct Markov {
    table: Vec<Vec<f32>>,
    device: Device,
    /// `(slot, length of ids, fresh)` of every row of every call.
    pub(crate) calls: Vec<Vec<(usize, usize, usize)>>,
    /// Whether new rows may come at any call.
    pub(crate) joins: bool,
}

impl Markov {
    /// `weights[last][next]` are proportional to the transition probabilities, and positive.
    pub(crate) fn new(weights: &[&[f32]]) -> Self {
        let logits = |row: &&[f32]| row.iter().map(|weight| weight.ln()).collect();
        let table = weights.iter().map(logits).collect();
        Self { table, device: d2o_testing::device::device(), calls: Vec::new(), joins: false }
    }

    /// Rows that were passed to the model in all calls together.
    pub(crate) fn rows_passed(&self) -> usize {
        self.calls.iter().map(Vec::len).sum()
    }
}

impl NextLogits for Markov {
    type Error = std::convert::Infallible;

    fn next_logits(&mut self, rows: &[Row<'_>]) -> Result<Tensor<2>, Self::Error> {
        let call = |row: &Row<'_>| (row.slot, row.ids.len(), row.fresh);
        self.calls.push(rows.iter().map(call).collect());
        let last = |row: &Row<'_>| self.table[row.ids[row.ids.len() - 1] as usize].clone();
        let logits: Vec<f32> = rows.iter().flat_map(last).collect();
        let shape = [rows.len(), self.table.len()];
        Ok(Tensor::from_data(TensorData::new(logits, shape), &self.device))
    }

    fn joins(&self) -> bool {
        self.joins
    }
}
