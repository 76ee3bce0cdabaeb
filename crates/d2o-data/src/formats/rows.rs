//! Rejected answers of a row by its format, or by its fields where the format is to be found out.

use super::format::Format;
use super::{exchange, hh, preference, safety};
use crate::error::DataError;
use crate::row::Row;
use crate::sample::NegativeSample;

/// The rejected answers of a row: none where every answer is good, two where both are bad.
pub(crate) fn negatives(row: &Row, format: Format) -> Result<Vec<NegativeSample>, DataError> {
    let labelled = ["is_safe", "response_0", "response_1"].iter().any(|field| row.has(field));
    let asked = row.has("prompt") || row.has("messages");
    match format {
        Format::HhTranscripts => hh::negatives(row),
        Format::SafetyPairs => safety::negatives(row),
        Format::Jsonl => Ok(vec![preference::negative(row)?]),
        Format::Exchanges => exchange::negatives(row),
        _ if labelled => safety::negatives(row),
        _ if !asked && row.has("chosen") => hh::negatives(row),
        _ if !asked && exchange::is_exchange(row) => exchange::negatives(row),
        _ => Ok(vec![preference::negative(row)?]),
    }
}
