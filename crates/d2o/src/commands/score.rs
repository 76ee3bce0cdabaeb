//! `d2o score`: summed log-probabilities of given answers.

use std::io::Write;

use d2o_data::{DataError, load_prompts};
use d2o_generate::GenerateError;
use d2o_model::responses::{Chunking, score_pairs, token_batches};
use d2o_text::Limits;
use d2o_train::trainer::HEAD_ROWS;
use serde_json::json;

use super::cli::ScoreArgs;
use super::open_model;
use crate::device;
use crate::error::RunError;

/// Rows share forward passes of up to `--tokens-per-chunk` tokens, without padding.
///
/// Prints `{"id", "prompt_tokens", "response_tokens", "log_prob"}` for each row, nats, the end token included.
///
/// # Errors
/// A model or rows that cannot be read, a row longer than the model's context.
pub fn score(args: &ScoreArgs) -> anyhow::Result<()> {
    device::limit_threads(args.model.threads);
    let device = device::open(&args.model.backend)?;
    let rows = load_prompts(&args.data)?;
    let base = open_model(&args.model, &args.adapter, &device)?;
    let limits = Limits { max_prompt_tokens: usize::MAX, max_response_tokens: usize::MAX };
    let chunking = Chunking { tokens: args.tokens_per_chunk, head_rows: HEAD_ROWS };
    let mut ids = Vec::with_capacity(rows.len());
    let mut pairs = Vec::with_capacity(rows.len());
    for row in rows {
        let place = format!("{}:{}", row.place.path.display(), row.place.line);
        let response = row.response.as_deref().ok_or_else(|| DataError::Field {
            path: row.place.path.clone(),
            line: row.place.line,
            field: "response".to_owned(),
            problem: "is missing".to_owned(),
            expected: "the answer to score",
            shape: None,
        })?;
        let (sequence, _) = base
            .encoder
            .sequence(&row.prompt, response, &limits)
            .map_err(|problem| DataError::of_row(problem, &place))?;
        if sequence.ids.len() > base.context() {
            let requested = sequence.ids.len();
            return Err(RunError::ContextTooLong { field: place, requested, context: base.context() }.into());
        }
        ids.push(row.id);
        pairs.push((sequence.prompt().to_vec(), sequence.response().to_vec()));
    }
    let mut out = std::io::stdout().lock();
    for batch in token_batches(&pairs, chunking.tokens) {
        let scores = score_pairs(&base.model, &pairs[batch.clone()], chunking).into_data();
        for (row, log_prob) in batch.zip(scores.iter::<f64>()) {
            let (prompt, response) = &pairs[row];
            if !log_prob.is_finite() {
                let what = format!("the log-probability of `{}`", ids[row]);
                return Err(GenerateError::NonFinite { what, value: log_prob }.into());
            }
            let line = json!({
                "id": ids[row],
                "prompt_tokens": prompt.len(),
                "response_tokens": response.len(),
                "log_prob": log_prob,
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
