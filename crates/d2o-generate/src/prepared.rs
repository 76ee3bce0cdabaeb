//! The user's rows, encoded: what the `prepare` stage makes of the files.

use std::path::PathBuf;

use d2o_data::{
    Encoder, Limits, LintReport, LoadOptions, NegativeSample, Prompt, deduplicate, lint, load_negatives, shuffle,
    split_by_prompt,
};
use serde::Serialize;

use crate::durable;
use crate::error::TrainError;

/// A row that fits the model.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedRow {
    /// The row's identifier.
    pub id: String,
    /// The bare prompt.
    pub prompt: Prompt,
    /// Its token ids.
    pub prompt_ids: Vec<u32>,
    /// The rejected answer's text.
    pub rejected: String,
    /// Its token ids, cut to the limit; with an end token unless cut.
    pub rejected_ids: Vec<u32>,
    /// The preferred answer's text, where the row has one.
    pub chosen: Option<String>,
    /// Its token ids, cut like the rejected answer's; empty without one.
    pub chosen_ids: Vec<u32>,
}

/// How rows are read and cut.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSettings {
    /// Files, in this order.
    pub files: Vec<PathBuf>,
    /// Format and threshold.
    pub load: LoadOptions,
    /// Rows to train on at the most; 0 takes all.
    pub max_groups: usize,
    /// Share of prompts that training never sees.
    pub held_out: f64,
    /// Token limits.
    pub limits: Limits,
    /// Tokens of a rejected answer that are trained on, from its beginning; 0 takes all that the limits leave.
    pub max_rejected_tokens: usize,
    /// Seed of split and order.
    pub seed: u64,
}

/// Counts for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DataSummary {
    /// Rows read from all files.
    pub rows: usize,
    /// Rows dropped as duplicates.
    pub duplicates: usize,
    /// Rows dropped because the prompt is longer than `data.max_prompt_tokens`.
    pub long_prompts: usize,
    /// Answers cut to `data.max_response_tokens`.
    pub cut_answers: usize,
    /// Groups to train on.
    pub train: usize,
    /// Rows whose prompts training never sees.
    pub held_out: usize,
    /// Rows whose rejected answer is the model's own (`data.rejected`).
    pub own_rejected: usize,
    /// Mean length of the rejected answers that are trained on, tokens.
    pub mean_rejected_tokens: f64,
}

/// Encoded rows, split by prompt.
pub struct Prepared {
    /// Rows to train on, in seeded order.
    pub train: Vec<PreparedRow>,
    /// Rows for evaluation only.
    pub held_out: Vec<PreparedRow>,
    /// What is odd about the rows.
    pub lint: LintReport,
    /// Counts.
    pub summary: DataSummary,
    /// Keys of all training prompts, also of rows beyond `max_groups`.
    pub train_prompts: Vec<String>,
    /// Fingerprint of the rows to train on.
    pub fingerprint: String,
    /// Fingerprint of the held-out rows.
    pub held_out_fingerprint: String,
}

impl Prepared {
    /// Reads, deduplicates, splits, orders and encodes.
    ///
    /// # Errors
    /// Files that cannot be read, rows of a wrong shape, no rows left.
    pub fn new(settings: &DataSettings, encoder: &Encoder) -> Result<Self, TrainError> {
        let mut samples = Vec::new();
        for file in &settings.files {
            samples.extend(load_negatives(file, &settings.load)?);
        }
        let rows = samples.len();
        let (samples, duplicates) = deduplicate(samples);
        let lint = lint(&samples, encoder, &settings.limits);
        let mut split = split_by_prompt(samples, settings.held_out, settings.seed);
        shuffle(&mut split.train, settings.seed);
        let train_prompts: Vec<String> = split.train.iter().map(|sample| sample.prompt.key()).collect();
        let mut summary = DataSummary { rows, duplicates, ..DataSummary::default() };
        let mut train = encode(&split.train, encoder, &settings.limits, &mut summary)?;
        if settings.max_groups > 0 {
            train.truncate(settings.max_groups);
        }
        if settings.max_rejected_tokens > 0 {
            train.iter_mut().for_each(|row| row.rejected_ids.truncate(settings.max_rejected_tokens));
        }
        let held_out = encode(&split.held_out, encoder, &settings.limits, &mut summary)?;
        if train.is_empty() {
            let reason = format!(
                "{rows} rows read, {duplicates} duplicates, {} with a prompt beyond data.max_prompt_tokens, {} held out",
                summary.long_prompts,
                held_out.len()
            );
            return Err(TrainError::NoGroups { reason });
        }
        summary.train = train.len();
        summary.held_out = held_out.len();
        summary.mean_rejected_tokens = mean_rejected_tokens(&train);
        let held_out_fingerprint = fingerprint(&held_out);
        let fingerprint = fingerprint(&train);
        Ok(Self { train, held_out, lint, summary, train_prompts, fingerprint, held_out_fingerprint })
    }

    /// Takes other rejected answers for the rows to train on, in their order, the first `max_tokens` tokens of each (0 takes
    /// all); a row with none keeps its own.
    pub fn replace_rejected(
        &mut self,
        answers: impl IntoIterator<Item = Option<(String, Vec<u32>)>>,
        max_tokens: usize,
    ) {
        for (row, answer) in self.train.iter_mut().zip(answers) {
            if let Some((text, mut ids)) = answer {
                if max_tokens > 0 {
                    ids.truncate(max_tokens);
                }
                (row.rejected, row.rejected_ids) = (text, ids);
                self.summary.own_rejected += 1;
            }
        }
        self.summary.mean_rejected_tokens = mean_rejected_tokens(&self.train);
        self.fingerprint = fingerprint(&self.train);
    }
}

fn mean_rejected_tokens(rows: &[PreparedRow]) -> f64 {
    rows.iter().map(|row| row.rejected_ids.len()).sum::<usize>() as f64 / rows.len() as f64
}

fn encode(
    samples: &[NegativeSample],
    encoder: &Encoder,
    limits: &Limits,
    summary: &mut DataSummary,
) -> Result<Vec<PreparedRow>, TrainError> {
    let mut rows = Vec::with_capacity(samples.len());
    for sample in samples {
        if encoder.prompt_ids(&sample.prompt)?.len() > limits.max_prompt_tokens {
            summary.long_prompts += 1;
            continue;
        }
        let (sequence, truncated) = encoder.sequence(&sample.prompt, &sample.rejected, limits)?;
        summary.cut_answers += usize::from(truncated);
        let chosen = sample.chosen.as_ref().map(|text| encoder.sequence(&sample.prompt, text, limits)).transpose()?;
        rows.push(PreparedRow {
            id: sample.id.clone(),
            prompt: sample.prompt.clone(),
            prompt_ids: sequence.prompt().to_vec(),
            rejected: sample.rejected.clone(),
            rejected_ids: sequence.response().to_vec(),
            chosen: sample.chosen.clone(),
            chosen_ids: chosen.map(|(sequence, _)| sequence.response().to_vec()).unwrap_or_default(),
        });
    }
    Ok(rows)
}

fn fingerprint(rows: &[PreparedRow]) -> String {
    let mut bytes = Vec::new();
    for row in rows {
        let ids = (&row.id, &row.prompt_ids, &row.rejected_ids);
        serde_json::to_writer(&mut bytes, &ids).expect("ids are plain data");
    }
    durable::sha256(&bytes)
}
