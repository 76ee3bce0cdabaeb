//! The model as the sampler sees it: next-token logits from a key-value cache.

use burn::tensor::{Int, Tensor, TensorData};
use d2o_model::{CausalLm, KvCache, ModelError};
use d2o_sampler::{NextLogits, Row};

use ragged::Ragged;

mod ragged;

/// A frozen model with a key-value cache for the rows on their way.
///
/// On the processor rows have their own lengths: new ones join at any call, and what a prompt shares
/// with one that was computed before is taken over. Elsewhere a call whose rows are all fresh starts a
/// new batch, padded to its longest prompt; later calls bring one token per live row, and rows that are
/// no longer passed leave the cache.
pub struct CachedLm {
    model: CausalLm,
    max_new_tokens: usize,
    rows: Rows,
}

enum Rows {
    Ragged(Ragged),
    Padded(Option<Batch>),
}

struct Batch {
    cache: KvCache,
    slots: Vec<usize>,
    padding: Vec<usize>,
}

impl CachedLm {
    /// A sampler's view of `model`, which must be frozen (tracked forwards would keep their graph).
    /// `max_new_tokens` sizes the cache.
    pub fn new(model: CausalLm, max_new_tokens: usize) -> Self {
        let rows = match model.new_ragged_cache() {
            Some(cache) => Rows::Ragged(Ragged::new(cache)),
            None => Rows::Padded(None),
        };
        Self { model, max_new_tokens, rows }
    }

    fn prefill(&mut self, rows: &[Row<'_>]) -> Tensor<2> {
        let longest = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
        let padding: Vec<usize> = rows.iter().map(|row| longest - row.ids.len()).collect();
        let mut ids = Vec::with_capacity(rows.len() * longest);
        for (row, &pad) in rows.iter().zip(&padding) {
            ids.extend(std::iter::repeat_n(0i64, pad));
            ids.extend(row.ids.iter().map(|&id| i64::from(id)));
        }
        let cache = self.model.new_cache(rows.len(), longest + self.max_new_tokens);
        let slots = rows.iter().map(|row| row.slot).collect();
        self.forward(ids, rows.len(), Batch { cache, slots, padding })
    }

    fn decode(&mut self, rows: &[Row<'_>], mut batch: Batch) -> Tensor<2> {
        let slots: Vec<usize> = rows.iter().map(|row| row.slot).collect();
        if slots != batch.slots {
            let keep: Vec<usize> = slots
                .iter()
                .map(|slot| {
                    let place = batch.slots.iter().position(|known| known == slot);
                    place.expect("a live row was in the batch before")
                })
                .collect();
            batch.cache = batch.cache.select_rows(&keep);
            batch.padding = keep.iter().map(|&row| batch.padding[row]).collect();
            batch.slots = slots;
        }
        let ids = rows.iter().map(|row| i64::from(*row.ids.last().expect("a live row has tokens"))).collect();
        self.forward(ids, rows.len(), batch)
    }

    fn forward(&mut self, ids: Vec<i64>, rows: usize, mut batch: Batch) -> Tensor<2> {
        let columns = ids.len() / rows;
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [rows, columns]), &self.model.device());
        let hidden = self.model.forward_cached(ids, &batch.padding, &mut batch.cache);
        let [rows, columns, width] = hidden.dims();
        let last = hidden.slice([0..rows, columns - 1..columns, 0..width]);
        if let Rows::Padded(kept) = &mut self.rows {
            *kept = Some(batch);
        }
        self.model.logits(last.reshape([rows, width]))
    }
}

impl NextLogits for CachedLm {
    type Error = ModelError;

    fn next_logits(&mut self, rows: &[Row<'_>]) -> Result<Tensor<2>, ModelError> {
        let batch = match &mut self.rows {
            Rows::Ragged(ragged) => return Ok(ragged.next_logits(&self.model, rows, self.max_new_tokens)),
            Rows::Padded(batch) => batch.take(),
        };
        Ok(match batch {
            Some(batch) if rows.iter().all(|row| row.fresh < row.ids.len()) => self.decode(rows, batch),
            _ => self.prefill(rows),
        })
    }

    fn joins(&self) -> bool {
        matches!(self.rows, Rows::Ragged(_))
    }
}
