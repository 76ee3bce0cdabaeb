//! The model as the sampler sees it: next-token logits from a key-value cache.

use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_model::{CausalLm, KvCache, ModelError};
use d2o_sampler::{NextLogits, Row};

/// A frozen model with a key-value cache for the rows of one batch.
///
/// A call whose rows are all fresh starts a new batch; later calls bring one token per live row, and
/// rows that are no longer passed leave the cache.
pub struct CachedLm {
    model: CausalLm,
    device: Device,
    max_new_tokens: usize,
    batch: Option<Batch>,
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
        let device = model.device();
        Self { model, device, max_new_tokens, batch: None }
    }

    fn prefill(&mut self, rows: &[Row<'_>]) -> Result<Tensor<2>, ModelError> {
        let longest = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
        let padding: Vec<usize> = rows.iter().map(|row| longest - row.ids.len()).collect();
        let mut ids = Vec::with_capacity(rows.len() * longest);
        for (row, &pad) in rows.iter().zip(&padding) {
            ids.extend(std::iter::repeat_n(0i64, pad));
            ids.extend(row.ids.iter().map(|&id| i64::from(id)));
        }
        let mut cache = self.model.new_cache(rows.len(), longest + self.max_new_tokens);
        let logits = self.forward(ids, rows.len(), &padding, &mut cache);
        self.batch = Some(Batch { cache, slots: rows.iter().map(|row| row.slot).collect(), padding });
        Ok(logits)
    }

    fn decode(&mut self, rows: &[Row<'_>], mut batch: Batch) -> Result<Tensor<2>, ModelError> {
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
        let logits = self.forward(ids, rows.len(), &batch.padding, &mut batch.cache);
        self.batch = Some(batch);
        Ok(logits)
    }

    fn forward(&self, ids: Vec<i64>, rows: usize, padding: &[usize], cache: &mut KvCache) -> Tensor<2> {
        let columns = ids.len() / rows;
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [rows, columns]), &self.device);
        let hidden = self.model.forward_cached(ids, padding, cache);
        let [rows, columns, width] = hidden.dims();
        let last = hidden.slice([0..rows, columns - 1..columns, 0..width]);
        self.model.logits(last.reshape([rows, width]))
    }
}

impl NextLogits for CachedLm {
    type Error = ModelError;

    fn next_logits(&mut self, rows: &[Row<'_>]) -> Result<Tensor<2>, ModelError> {
        match self.batch.take() {
            Some(batch) if rows.iter().all(|row| row.fresh == 1 && row.ids.len() > 1) && continues(&batch, rows) => {
                self.decode(rows, batch)
            }
            _ => self.prefill(rows),
        }
    }
}

/// Whether the rows are some of the batch's: otherwise a new batch begins.
fn continues(batch: &Batch, rows: &[Row<'_>]) -> bool {
    rows.iter().all(|row| batch.slots.contains(&row.slot))
}
