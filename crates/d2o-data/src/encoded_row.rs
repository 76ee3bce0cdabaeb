//! Rows as token ids, cut to the limits.

use d2o_record::digest::sha256;
use d2o_text::{Encoder, Limits, Prompt, TemplateFault, TextError};

use crate::error::DataError;
use crate::lint::{LintReport, Linter};
use crate::sample::NegativeSample;

/// A row that fits the model.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedRow {
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

/// Encodes rows one after another, lints them and counts what does not fit.
pub(crate) struct RowEncoder<'e> {
    encoder: &'e Encoder,
    limits: &'e Limits,
    /// Whether a prompt that cannot be framed is an error.
    strict: bool,
    linter: Linter<'e>,
    /// Rows whose prompt is too long.
    pub(crate) long_prompts: usize,
    /// Rejected answers that were cut.
    pub(crate) cut_answers: usize,
    /// Rows whose prompt cannot be framed.
    pub(crate) refused_prompts: usize,
    /// What is wrong with the first of them.
    pub(crate) first_refusal: Option<DataError>,
    /// Prompts at which the template did not come to an end.
    endless: usize,
}

/// Prompts at which a template may not come to an end before it is given up: each takes its time.
const ENDLESS: usize = 8;

impl<'e> RowEncoder<'e> {
    pub(crate) fn new(encoder: &'e Encoder, limits: &'e Limits, strict: bool) -> Self {
        Self {
            encoder,
            limits,
            strict,
            linter: Linter::new(encoder, limits),
            long_prompts: 0,
            cut_answers: 0,
            refused_prompts: 0,
            first_refusal: None,
            endless: 0,
        }
    }

    /// A row as ids; none if its prompt is too long or cannot be framed.
    ///
    /// # Errors
    /// [`DataError::Unframed`] for any prompt if `strict`, and for a template that comes to no end on [`ENDLESS`]
    /// prompts.
    pub(crate) fn encode(&mut self, sample: NegativeSample) -> Result<Option<EncodedRow>, DataError> {
        let tokens = match self.encoder.tokenize(&sample.prompt, &sample.rejected) {
            Ok(tokens) => tokens,
            Err(refusal) => return self.refused(&sample, refusal).map(|()| None),
        };
        self.linter.add(&sample, Some(&tokens));
        if tokens.prompt.len() > self.limits.max_prompt_tokens {
            self.long_prompts += 1;
            return Ok(None);
        }
        let (rejected_ids, cut) = self.encoder.response(tokens.response, self.limits);
        self.cut_answers += usize::from(cut);
        let chosen_ids = |text: &String| self.encoder.response(self.encoder.tokenizer().encode(text), self.limits).0;
        let chosen_ids = sample.chosen.as_ref().map(chosen_ids).unwrap_or_default();
        Ok(Some(EncodedRow {
            id: sample.id,
            prompt: sample.prompt,
            prompt_ids: tokens.prompt,
            rejected: sample.rejected,
            rejected_ids,
            chosen: sample.chosen,
            chosen_ids,
        }))
    }

    fn refused(&mut self, sample: &NegativeSample, refusal: TextError) -> Result<(), DataError> {
        self.linter.add(sample, None);
        self.refused_prompts += 1;
        self.endless += usize::from(matches!(refusal, TextError::Template { fault: TemplateFault::Bound, .. }));
        if self.strict || self.endless == ENDLESS {
            return Err(DataError::of_row(refusal, &sample.place));
        }
        self.first_refusal.get_or_insert_with(|| DataError::of_row(refusal, &sample.place));
        Ok(())
    }

    /// What is odd about the rows.
    pub(crate) fn into_lint(self) -> LintReport {
        self.linter.finish()
    }
}

/// SHA-256 of each row's `[id, prompt_ids, rejected_ids]` as JSON, one behind the other.
pub(crate) fn fingerprint(rows: &[EncodedRow]) -> String {
    let mut bytes = Vec::new();
    for row in rows {
        let ids = (&row.id, &row.prompt_ids, &row.rejected_ids);
        serde_json::to_writer(&mut bytes, &ids).expect("ids are plain data");
    }
    sha256(&bytes)
}
