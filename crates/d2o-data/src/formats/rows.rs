//! The shape of a row, by its format or by its fields, and the rejected answers that it holds.

use serde_json::Value;

use super::format::{Format, LoadOptions};
use super::parsed::ParsedRow;
use super::question::{conversation_field, is_asked};
use super::unpaired::{self, answer_field};
use super::verdict::is_judged;
use super::{comparison, conversation, exchange, hh, preference, safety};
use crate::error::DataError;
use crate::row::Row;
use crate::shape::Shape;

/// The rejected answers of a row: none where every answer is good, several where several are bad.
///
/// # Errors
/// A row of no known shape, or one that is not as its shape asks for.
pub(crate) fn parsed_row(row: &Row, options: &LoadOptions) -> Result<ParsedRow, DataError> {
    let shape = match options.format {
        Format::HhTranscripts => Shape::Transcripts,
        Format::SafetyPairs => Shape::Safety,
        Format::Exchanges => Shape::Exchange,
        Format::Jsonl => named_answer(row),
        Format::Auto | Format::ScoredCsv | Format::Parquet if holds_columns(row) => {
            return Err(unknown(row, "the file holds columns instead of rows".to_owned()));
        }
        Format::Auto | Format::ScoredCsv | Format::Parquet => shape_of(row).ok_or_else(|| shapeless(row))?,
    };
    let negatives = match shape {
        Shape::Unpaired => {
            let parsed = unpaired::parsed(row, options).map_err(|error| error.in_shape(shape))?;
            return Ok(ParsedRow { shape: Some(shape), ..parsed });
        }
        Shape::Alpaca if row.value("output").is_some_and(Value::is_array) => preference::ranked(row, options),
        Shape::OpenAi => preference::openai(row, options),
        Shape::Swift => preference::swift(row, options),
        Shape::Safety => safety::negatives(row, options),
        Shape::Transcripts => hh::negatives(row, options),
        Shape::Exchange => exchange::negatives(row, options),
        Shape::Comparison => comparison::negatives(row),
        Shape::Conversation => conversation::negatives(row),
        Shape::ShareGpt if !row.names("rejected") => conversation::negatives(row),
        Shape::Preference | Shape::Alpaca | Shape::ShareGpt | Shape::Scored => preference::negatives(row, options),
    };
    let negatives = negatives.map_err(|error| error.in_shape(shape))?;
    Ok(ParsedRow { negatives, shape: Some(shape), ..ParsedRow::default() })
}

/// A shape that names its rejected answer or ends with it.
fn named_answer(row: &Row) -> Shape {
    let named = row.names("rejected") || row.names("chosen");
    match (named, conversation_field(row)) {
        (false, Some(_)) if is_judged(row) => Shape::Unpaired,
        (false, Some("messages")) => Shape::Conversation,
        (_, Some("conversations" | "conversation")) => Shape::ShareGpt,
        _ if row.has("instruction") => Shape::Alpaca,
        _ => Shape::Preference,
    }
}

/// The shape that a row's fields tell; none if they tell no known one.
fn shape_of(row: &Row) -> Option<Shape> {
    let any = |fields: &[&str]| fields.iter().any(|field| row.has(field));
    let answers = ["rejected", "chosen"];
    let named =
        answers.iter().any(|field| row.value(field).is_some_and(|value| !value.is_boolean() && !value.is_null()))
            || row.names("rejected") && !row.value("rejected").is_some_and(Value::is_boolean);
    let judged = is_judged(row) && (answer_field(row).is_some() || conversation_field(row).is_some());
    Some(match () {
        () if any(&["preferred_output", "non_preferred_output"]) => Shape::OpenAi,
        () if any(&["rejected_response", "rejected_messages"]) => Shape::Swift,
        () if any(&["response_0", "response_1", "is_response_0_safe"]) && !comparison::is_comparison(row) => {
            Shape::Safety
        }
        () if comparison::is_comparison(row) => Shape::Comparison,
        () if named && are_transcripts(row) => Shape::Transcripts,
        () if named => named_answer(row),
        () if row.has("is_safe") && conversation_field(row).is_none() => Shape::Safety,
        () if row.has("instruction") && row.value("output").is_some_and(Value::is_array) => Shape::Alpaca,
        () if exchange::is_exchange(row) && !any(&["prompt", "messages"]) => Shape::Exchange,
        () if judged => Shape::Unpaired,
        () if conversation_field(row) == Some("messages") => Shape::Conversation,
        () if conversation_field(row).is_some() => Shape::ShareGpt,
        () => return None,
    })
}

/// Whether the answers are whole transcripts: they stand without a prompt, or begin with it.
fn are_transcripts(row: &Row) -> bool {
    let texts: Vec<&str> = ["rejected", "chosen"].iter().filter_map(|field| row.value(field)?.as_str()).collect();
    let Some(first) = texts.iter().find(|text| !text.trim().is_empty()) else { return false };
    match row.value("prompt").and_then(Value::as_str).map(str::trim).filter(|prompt| !prompt.is_empty()) {
        Some(prompt) => first.trim_start().starts_with(prompt) && hh::is_transcript(first),
        // Two texts that nobody asked for can be nothing else.
        None => !is_asked(row) && (hh::is_transcript(first) || row.has("chosen")),
    }
}

/// Whether every field is a column of numbered cells, as pandas writes a table unless it is told otherwise.
fn holds_columns(row: &Row) -> bool {
    let numbered = |value: &Value| {
        value.as_object().is_some_and(|cells| !cells.is_empty() && cells.keys().all(|key| key.parse::<u64>().is_ok()))
    };
    row.fields().count() > 1 && row.fields().all(|(_, value)| numbered(value))
}

/// What is said about a row of no known shape.
fn shapeless(row: &Row) -> DataError {
    match answer_field(row) {
        Some(field) if is_asked(row) => unknown(row, format!("no field says whether `{field}` was rejected")),
        _ if is_asked(row) && row.fields().count() <= 2 => {
            row.wrong("rejected", "is missing", "a text").in_shape(Shape::Preference)
        }
        _ => unknown(row, "no known shape of row".to_owned()),
    }
}

fn unknown(row: &Row, problem: String) -> DataError {
    let fields: Vec<String> = row.fields().map(|(name, _)| name.to_owned()).collect();
    let nearest = Shape::nearest(&fields);
    let place = row.place();
    DataError::UnknownShape { path: place.path.clone(), line: place.line, problem, fields, nearest }
}
