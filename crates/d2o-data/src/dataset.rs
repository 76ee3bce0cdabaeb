//! Rejected answers as token ids, deduplicated, split by prompt and in seeded order.

use std::path::{Path, PathBuf};

use d2o_text::{Encoder, Limits};
use serde::Serialize;

use crate::encoded_row::{EncodedRow, RowEncoder, fingerprint};
use crate::error::DataError;
use crate::formats::LoadOptions;
use crate::lint::LintReport;
use crate::negatives::{Negatives, Reading};
use crate::sample::NegativeSample;
use crate::split::{deduplicate, is_held_out, shuffle};

/// How rows are read and cut.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetOptions {
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

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DatasetSummary {
    /// Rejected answers read from all files.
    pub rows: usize,
    /// Rows that could not be read and were left out.
    pub left_out: usize,
    /// Rows that hold no rejected answer: what they hold was wanted, or nobody said.
    pub without_rejected: usize,
    /// Rows dropped as duplicates.
    pub duplicates: usize,
    /// Rows dropped because the prompt is longer than `data.max_prompt_tokens`.
    pub long_prompts: usize,
    /// Rows dropped because the prompt cannot be framed: the chat template refuses it, or it has no tokens.
    pub refused_prompts: usize,
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

impl Default for DatasetOptions {
    /// No files; all rows, a fifth of the prompts held out, prompts of at most 256 tokens and answers of at most 64,
    /// seed 0.
    fn default() -> Self {
        Self {
            files: Vec::new(),
            load: LoadOptions::default(),
            max_groups: 0,
            held_out: 0.2,
            limits: Limits { max_prompt_tokens: 256, max_response_tokens: 64 },
            max_rejected_tokens: 0,
            seed: 0,
        }
    }
}

/// Encoded rows, split by prompt.
pub struct Dataset {
    /// Rows to train on, in seeded order.
    pub train: Vec<EncodedRow>,
    /// Rows for evaluation only.
    pub held_out: Vec<EncodedRow>,
    /// What is odd about the rows.
    pub lint: LintReport,
    /// How the files were read.
    pub reading: Reading,
    /// Counts.
    pub summary: DatasetSummary,
    /// Keys of all training prompts, also of rows beyond `max_groups`.
    pub train_prompts: Vec<String>,
    /// Fingerprint of the rows to train on.
    pub fingerprint: String,
    /// Fingerprint of the held-out rows.
    pub held_out_fingerprint: String,
}

impl Dataset {
    /// Reads the files of `options`, and makes a dataset of their rows. Rows that cannot be read are left out and
    /// counted, unless `options.load.strict`.
    ///
    /// # Errors
    /// Files that cannot be read, a file of which no row can be read, and as [`from_samples`](Self::from_samples).
    pub fn load(options: &DatasetOptions, encoder: &Encoder) -> Result<Self, DataError> {
        Self::load_watched(options, encoder, &mut |_, _, _| {})
    }

    /// The same; `watch` hears a file's name, rows and rejected answers now and then while it is read.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_watched(
        options: &DatasetOptions,
        encoder: &Encoder,
        watch: &mut dyn FnMut(&Path, usize, usize),
    ) -> Result<Self, DataError> {
        Self::load_beside(Vec::new(), options, encoder, watch)
    }

    /// The same with further `samples` behind the rows of the files.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_beside(
        samples: Vec<NegativeSample>,
        options: &DatasetOptions,
        encoder: &Encoder,
        watch: &mut dyn FnMut(&Path, usize, usize),
    ) -> Result<Self, DataError> {
        let mut found = Negatives::default();
        for file in &options.files {
            found.extend(Negatives::load(file, &options.load, &mut |rows, rejected| watch(file, rows, rejected))?);
        }
        found.samples.extend(samples);
        let mut dataset = Self::from_samples(found.samples, options, encoder)?;
        let reading = found.reading;
        let places = reading.reasons.iter().filter_map(DataError::place).collect();
        dataset.lint.leave_out(reading.left_out, places);
        dataset.summary.left_out = reading.left_out;
        dataset.summary.without_rejected = reading.without_rejected;
        dataset.reading = reading;
        Ok(dataset)
    }

    /// Deduplicates, encodes, lints, splits and orders rows; of how files are read only `options.load.strict` counts.
    ///
    /// Each prompt is rendered once, and each text tokenised once; the lint tokenises prompt and answer together as
    /// well, to see whether they merge.
    ///
    /// A row whose prompt cannot be framed is left out, counted and listed by the lint, unless `options.load.strict`.
    ///
    /// # Errors
    /// [`DataError::Unframed`] for the first row if none can be framed, or for any if `options.load.strict`; [`DataError::NoGroups`] if no row is left to
    /// train on for other reasons.
    pub fn from_samples(
        samples: Vec<NegativeSample>,
        options: &DatasetOptions,
        encoder: &Encoder,
    ) -> Result<Self, DataError> {
        let rows = samples.len();
        let (samples, duplicates) = deduplicate(samples);
        let mut encoder = RowEncoder::new(encoder, &options.limits, options.load.strict);
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for sample in samples {
            let key = sample.prompt.key();
            let side = if is_held_out(&key, options.held_out, options.seed) { &mut held_out } else { &mut train };
            side.push((key, encoder.encode(sample)?));
        }
        // Rows that are too long count here, so that the order does not depend on the limits.
        shuffle(&mut train, options.seed);
        let (train_prompts, train): (Vec<String>, Vec<Option<EncodedRow>>) = train.into_iter().unzip();
        let mut train: Vec<EncodedRow> = train.into_iter().flatten().collect();
        cut(&mut train, options);
        let held_out: Vec<EncodedRow> = held_out.into_iter().filter_map(|(_, row)| row).collect();
        let summary = DatasetSummary {
            rows,
            left_out: 0,
            without_rejected: 0,
            duplicates,
            long_prompts: encoder.long_prompts,
            refused_prompts: encoder.refused_prompts,
            cut_answers: encoder.cut_answers,
            train: train.len(),
            held_out: held_out.len(),
            own_rejected: 0,
            mean_rejected_tokens: mean_rejected_tokens(&train),
        };
        if train.is_empty() {
            let all_refused = summary.refused_prompts + duplicates == rows;
            return Err(match encoder.first_refusal.take() {
                Some(refusal) if all_refused => refusal,
                refusal => summary.no_groups(refusal),
            });
        }
        let (fingerprint, held_out_fingerprint) = (fingerprint(&train), fingerprint(&held_out));
        let lint = encoder.into_lint();
        let reading = Reading::default();
        Ok(Self { train, held_out, lint, reading, summary, train_prompts, fingerprint, held_out_fingerprint })
    }

    /// Takes other rejected answers for the rows to train on, in their order, the first `max_tokens` tokens of each
    /// (0 takes all); a row with none keeps its own.
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

    /// Makes other rows to train on of those that there are, and cuts their rejected answers to the first `max_tokens`
    /// tokens; 0 keeps them whole.
    pub fn reshape(&mut self, rows: impl FnOnce(Vec<EncodedRow>) -> Vec<EncodedRow>, max_tokens: usize) {
        self.train = rows(std::mem::take(&mut self.train));
        if max_tokens > 0 {
            self.train.iter_mut().for_each(|row| row.rejected_ids.truncate(max_tokens));
        }
        self.summary.train = self.train.len();
        self.summary.mean_rejected_tokens = mean_rejected_tokens(&self.train);
        self.fingerprint = fingerprint(&self.train);
    }
}

/// Leaves what is to be trained on: the first rows, and the beginning of each rejected answer.
fn cut(train: &mut Vec<EncodedRow>, options: &DatasetOptions) {
    if options.max_groups > 0 {
        train.truncate(options.max_groups);
    }
    if options.max_rejected_tokens > 0 {
        train.iter_mut().for_each(|row| row.rejected_ids.truncate(options.max_rejected_tokens));
    }
}

impl DatasetSummary {
    fn no_groups(&self, refusal: Option<DataError>) -> DataError {
        let mut reason = format!(
            "{} rows read, {} duplicates, {} with a prompt beyond data.max_prompt_tokens, {} held out",
            self.rows, self.duplicates, self.long_prompts, self.held_out
        );
        if let Some(first) = refusal {
            reason += &format!(", {} that cannot be framed, the first of them {first}", self.refused_prompts);
        }
        DataError::NoGroups { reason }
    }
}

fn mean_rejected_tokens(rows: &[EncodedRow]) -> f64 {
    rows.iter().map(|row| row.rejected_ids.len()).sum::<usize>() as f64 / rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Place;
    use d2o_text::ChatTemplate;
    use d2o_text::Prompt;
    use d2o_text::TextTokenizer;

    fn sample(prompt: &str, rejected: &str, chosen: Option<&str>) -> NegativeSample {
        let place = Place { path: "rows.jsonl".into(), line: 1 };
        let (prompt, chosen) = (Prompt::Text(prompt.to_owned()), chosen.map(str::to_owned));
        NegativeSample { id: rejected.to_owned(), prompt, rejected: rejected.to_owned(), chosen, place }
    }

    /// With the lint's own: the end of a turn is found by one rendering, and prompt and answer are tokenised together.
    #[test]
    fn every_row_is_rendered_and_tokenised_once() {
        let tokenizer = TextTokenizer::train(["question answer"], 300, &["<|end|>"]).unwrap();
        let source = "{% for m in messages %}{{ m.content }}<|end|>{% endfor %}>";
        let encoder = Encoder::new(tokenizer, Some(ChatTemplate::new(source, "", "<|end|>").unwrap()), 0);
        let samples = vec![
            sample("one", "bad", None),
            sample("two", "worse", Some("good")),
            sample("one", " bad ", None),
            sample("three", "spells <|end|> out", None),
        ];
        d2o_text::work::take();
        let options = DatasetOptions { held_out: 0.0, ..DatasetOptions::default() };
        let dataset = Dataset::from_samples(samples, &options, &encoder).unwrap();
        let (rendered, tokenized) = d2o_text::work::take();
        assert_eq!(rendered, 3 + 1, "three rows are left without the duplicate");
        let times = |text: &str| tokenized.iter().filter(|found| *found == text).count();
        for text in ["one<|end|>>", "two<|end|>>", "bad", "worse", "good", "one<|end|>>bad", "two<|end|>>worse"] {
            assert_eq!(times(text), 1, "{text}: {tokenized:?}");
        }
        // Only a text with a special token is looked at as a stranger's too: once more each way.
        assert_eq!(times("spells <|end|> out"), 3, "{tokenized:?}");
        assert_eq!(tokenized.len(), 1 + 3 * 3 + 1 + 2, "{tokenized:?}");
        assert_eq!(dataset.lint.rows, 3);
        assert_eq!(dataset.lint.count(crate::lint::LintKind::SpecialToken), 1);
    }
}
