//! Rows `{user, assistant, category?}`: one exchange, as PyRIT's many-shot examples have it.

use d2o_text::Prompt;

use super::contradiction::refuse_choices;
use super::format::LoadOptions;
use super::verdict::{Verdict, verdict};
use crate::error::DataError;
use crate::row::Row;
use crate::sample::NegativeSample;

/// What `category` begins with where the answer is not harmful after all.
const HARMLESS: &str = "not harmful";

/// Whether a row is such an exchange.
pub(super) fn is_exchange(row: &Row) -> bool {
    row.has("user") && row.has("assistant")
}

/// The answer, which is rejected unless `category` says that it is not harmful, or another field that it was wanted.
pub(super) fn negatives(row: &Row, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    refuse_choices(row, &[])?;
    let harmless = row.optional("category")?.is_some_and(|category| {
        let verdict = category.trim_start().to_lowercase();
        verdict.starts_with(HARMLESS)
    });
    if harmless || verdict(row, options)?.is_some_and(|judged| judged.verdict != Verdict::Rejected) {
        return Ok(Vec::new());
    }
    Ok(vec![row.sample(Prompt::Text(row.text("user")?.to_owned()), row.text("assistant")?, None)?])
}
