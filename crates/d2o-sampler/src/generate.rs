//! Drawing whole sequences.

use crate::config::ensure;
use crate::{Distribution, DrawnToken, NextLogits, Row, SamplerConfig, SamplerError, Uniforms};
use burn::tensor::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// One sequence to be continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The ids to continue, at least one.
    pub prompt: Vec<u32>,
    /// Decides every random choice of this request.
    pub seed: u64,
}

/// Why a draft ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// This stop token was drawn.
    Stop(u32),
    /// `max_new_tokens` were drawn and none of them stops.
    Length,
}

/// A continuation.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The drawn ids, without the stop token.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub finished: Finish,
    /// Summed log-probability in nats of the drawn tokens, the stop token included, under the
    /// filtered distributions that they were drawn from (0 when greedy). It is not the model's own
    /// log-probability unless no filter is set.
    pub log_prob: f64,
}

/// Draws one draft per request and returns them in the order of the requests.
///
/// At most `batch` rows run together, longest prompts first, so that a batch too large for the memory
/// fails at once. A finished row is not passed to the model again, and where the model lets rows
/// [join](NextLogits::joins) the next request takes its place. After each step in which rows finished,
/// `progress` receives the number of finished requests and of all of them.
///
/// The logits are read from the device once per step, and rows are drawn on the host in parallel.
///
/// # Errors
/// [`SamplerError::Setting`] for settings out of range (`batch` too: at least 1),
/// [`SamplerError::EmptyPrompt`], [`SamplerError::TokenOutOfRange`] for a prompt that the model's
/// vocabulary does not cover, [`SamplerError::NonFinite`] logits, or the model's or the device's
/// own failure.
///
/// # Panics
/// If the model returns another number of rows than it was asked for.
pub fn generate<M: NextLogits + ?Sized>(
    model: &mut M,
    requests: &[Request],
    config: &SamplerConfig,
    batch: usize,
    mut progress: impl FnMut(usize, usize),
) -> Result<Vec<Draft>, SamplerError<M::Error>> {
    config.check()?;
    ensure("batch", batch, batch > 0, "1 or more")?;
    if let Some(request) = requests.iter().position(|request| request.prompt.is_empty()) {
        return Err(SamplerError::EmptyPrompt { request });
    }
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&request| Reverse(requests[request].prompt.len()));

    let mut drafts: Vec<Option<Draft>> = requests.iter().map(|_| None).collect();
    let mut done = 0;
    let mut waiting = order.into_iter();
    let mut live: Vec<LiveRow> = Vec::with_capacity(batch.min(requests.len()));
    loop {
        if live.is_empty() || model.joins() {
            admit(&mut live, &mut waiting, requests, batch);
        }
        if live.is_empty() {
            break;
        }
        let before = live.len();
        advance(model, &mut live, config)?;
        live.retain(|row| match row.finish(config) {
            Some(draft) => {
                drafts[row.request] = Some(draft);
                false
            }
            None => true,
        });
        if live.len() < before {
            done += before - live.len();
            progress(done, requests.len());
        }
    }
    Ok(drafts.into_iter().flatten().collect())
}

/// Fills the free places with waiting requests; the rows stay in the order of their slots.
fn admit(live: &mut Vec<LiveRow>, waiting: &mut impl Iterator<Item = usize>, requests: &[Request], batch: usize) {
    let mut slot = 0;
    while live.len() < batch {
        while live.get(slot).is_some_and(|row| row.slot == slot) {
            slot += 1;
        }
        let Some(index) = waiting.next() else { break };
        live.insert(slot, LiveRow::new(slot, index, &requests[index]));
    }
}

/// A row that has not finished.
struct LiveRow {
    slot: usize,
    request: usize,
    prompt_len: usize,
    ids: Vec<u32>,
    fresh: usize,
    uniforms: Uniforms,
    log_prob: f64,
}

impl LiveRow {
    fn new(slot: usize, index: usize, request: &Request) -> Self {
        Self {
            slot,
            request: index,
            prompt_len: request.prompt.len(),
            ids: request.prompt.clone(),
            fresh: request.prompt.len(),
            uniforms: Uniforms::new(request.seed),
            log_prob: 0.0,
        }
    }

    fn drawn(&self) -> usize {
        self.ids.len() - self.prompt_len
    }

    fn draw(&self, logits: &[f32], config: &SamplerConfig) -> Result<DrawnToken, RowFault> {
        if let Some(token) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(RowFault::NonFinite { token, value: logits[token] });
        }
        let outside = |&&id: &&u32| id as usize >= logits.len();
        if let Some(&token) = self.ids.iter().rev().take(self.fresh).find(outside) {
            return Err(RowFault::OutOfRange { token });
        }
        let uniform = self.uniforms.at(self.drawn() as u64);
        Ok(Distribution::new(logits, &self.ids, config).draw(uniform))
    }

    fn push(&mut self, drawn: DrawnToken) {
        self.ids.push(drawn.id);
        self.fresh = 1;
        self.log_prob += drawn.log_prob;
    }

    /// The draft, if the last token ended it.
    fn finish(&self, config: &SamplerConfig) -> Option<Draft> {
        let drawn = &self.ids[self.prompt_len..];
        let (&last, before) = drawn.split_last()?;
        let (ids, finished) = if config.stop_tokens.contains(&last) {
            (before, Finish::Stop(last))
        } else if drawn.len() >= config.max_new_tokens {
            (drawn, Finish::Length)
        } else {
            return None;
        };
        Some(Draft { ids: ids.to_vec(), finished, log_prob: self.log_prob })
    }
}

/// What can be wrong with one row's logits.
enum RowFault {
    NonFinite { token: usize, value: f32 },
    OutOfRange { token: u32 },
}

/// Asks the model once and gives every live row its next token.
fn advance<M: NextLogits + ?Sized>(
    model: &mut M,
    live: &mut [LiveRow],
    config: &SamplerConfig,
) -> Result<(), SamplerError<M::Error>> {
    let rows: Vec<Row<'_>> = live.iter().map(|row| Row { slot: row.slot, ids: &row.ids, fresh: row.fresh }).collect();
    let logits = model.next_logits(&rows).map_err(|source| SamplerError::Model { source })?;
    let (logits, vocab) = read(logits, rows.len())?;
    let drawn: Vec<Result<DrawnToken, RowFault>> =
        live.par_iter().zip(logits.par_chunks_exact(vocab)).map(|(row, logits)| row.draw(logits, config)).collect();
    for (row, drawn) in live.iter_mut().zip(drawn) {
        row.push(drawn.map_err(|fault| row_error(fault, row, vocab))?);
    }
    Ok(())
}

/// Brings logits `[rows, vocab]` to the host; also gives `vocab`.
fn read<E>(logits: Tensor<2>, rows: usize) -> Result<(Vec<f32>, usize), SamplerError<E>> {
    let [given, vocab] = logits.dims();
    assert_eq!(given, rows, "the model gave {given} rows of logits for {rows} rows");
    assert!(vocab > 0, "the model gave rows without logits");
    let logits = logits.try_into_vec_as().map_err(|source| SamplerError::Read { source })?;
    Ok((logits, vocab))
}

fn row_error<E>(fault: RowFault, row: &LiveRow, vocab: usize) -> SamplerError<E> {
    let request = row.request;
    match fault {
        RowFault::NonFinite { token, value } => SamplerError::NonFinite { request, token, value, drawn: row.drawn() },
        RowFault::OutOfRange { token } => SamplerError::TokenOutOfRange { request, token, vocab },
    }
}
