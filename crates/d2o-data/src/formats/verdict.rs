//! Fields that say what somebody thought of a row's answer.

use serde_json::Value;

use super::format::LoadOptions;
use super::verdict_words::{FIELDS, Kind, OF_WHAT, OPEN, REJECTED, WANTED};
use crate::error::DataError;
use crate::row::{Row, kind, truth};

/// What a row says about its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The answer was rejected.
    Rejected,
    /// It was wanted.
    Wanted,
    /// Nobody said, or it was called neither.
    Open,
}

/// A verdict, and the number that it was read from where that is a rating without a limit of the user's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) rating: Option<f64>,
}

/// A rating up to here is bad, where the user sets no limit: one and two stars.
const LIMIT: f64 = 2.0;
/// Some rating of a file has to be this high, else its scale is not one of stars.
pub(crate) const LEAST_TOP: f64 = 3.0;

/// Whether a row has a field that says what somebody thought of its answer; null and blank count, as not yet judged.
pub(super) fn is_judged(row: &Row) -> bool {
    FIELDS.iter().any(|(field, _)| row.names(field) && !is_text_of_an_answer(row, field))
}

/// `rejected` is a truth value in logs, and the answer itself elsewhere.
pub(super) fn is_text_of_an_answer(row: &Row, field: &str) -> bool {
    field == "rejected" && !row.value(field).is_some_and(Value::is_boolean)
}

/// What the row's fields say about its answer; none without such a field.
///
/// # Errors
/// A value that is not understood; fields that contradict each other.
pub(super) fn verdict(row: &Row, options: &LoadOptions) -> Result<Option<Judged>, DataError> {
    Ok(verdict_of(row, options, |_, _| true)?.map(|(_, judged)| judged))
}

/// The same of those fields that `speaks` takes, with the first field that says it.
///
/// # Errors
/// As [`verdict`].
pub(super) fn verdict_of(
    row: &Row,
    options: &LoadOptions,
    speaks: impl Fn(&str, Kind) -> bool,
) -> Result<Option<(&'static str, Judged)>, DataError> {
    let mut found: Option<(&str, Judged)> = None;
    for &(field, kind) in &FIELDS {
        if !row.names(field) || is_text_of_an_answer(row, field) || !speaks(field, kind) {
            continue;
        }
        let judged = judge(row, field, kind, options)?;
        found = match found {
            Some((other, before)) if before.verdict != Verdict::Open => {
                if judged.verdict != Verdict::Open && judged.verdict != before.verdict {
                    let problem = format!("says otherwise than `{other}`");
                    return Err(row.wrong(field, &problem, "fields that agree about the answer"));
                }
                Some((other, Judged { rating: before.rating.or(judged.rating), ..before }))
            }
            _ => Some((field, judged)),
        };
    }
    Ok(found)
}

fn judge(row: &Row, field: &str, kind: Kind, options: &LoadOptions) -> Result<Judged, DataError> {
    let open = Judged { verdict: Verdict::Open, rating: None };
    let value = match row.value(field) {
        None | Some(Value::Null) => return Ok(open),
        Some(value) => value,
    };
    if value.as_str().is_some_and(|text| OPEN.contains(&text.trim().to_lowercase().as_str())) {
        return Ok(open);
    }
    let told =
        |wanted: bool| Judged { verdict: if wanted { Verdict::Wanted } else { Verdict::Rejected }, rating: None };
    let wrong = |expected| row.wrong(field, &shown(value), expected);
    match kind {
        Kind::Wanted => truth(value).map(told).ok_or_else(|| wrong("true or false")),
        Kind::Unwanted => truth(value).map(|flag| told(!flag)).ok_or_else(|| wrong("true or false")),
        Kind::Label => label(row, value).map(told).ok_or_else(|| wrong("true or false, true for a wanted answer")),
        Kind::Opinion => opinion(value)
            .map(|verdict| Judged { verdict, rating: None })
            .ok_or_else(|| wrong("true or false, up or down, or a number below or above 0")),
        Kind::Rating | Kind::Score => {
            if let Some(wanted) = word(value) {
                return Ok(told(wanted));
            }
            let rating = number(value).ok_or_else(|| wrong("a number"))?;
            let limit = match (options.max_rating, kind) {
                (Some(limit), _) => limit,
                (None, Kind::Rating) => LIMIT,
                _ => return Err(wrong("data.max_rating to say up to which number an answer is bad")),
            };
            let rejected = rating <= limit;
            Ok(Judged { rating: options.max_rating.is_none().then_some(rating), ..told(!rejected) })
        }
    }
}

/// KTO's label: a truth value or a word; a number only beside `completion`, since elsewhere 1 may as well mean harmful.
fn label(row: &Row, value: &Value) -> Option<bool> {
    if value.as_str().is_some_and(|text| OF_WHAT.contains(&plain(text).as_str())) {
        return None;
    }
    match (number(value), row.names("completion")) {
        (Some(_), false) => None,
        (Some(_), true) => truth(value),
        (None, _) => truth(value).or_else(|| word(value)),
    }
}

fn opinion(value: &Value) -> Option<Verdict> {
    let verdict = |wanted| if wanted { Verdict::Wanted } else { Verdict::Rejected };
    match (value, number(value)) {
        (Value::Bool(wanted), _) => Some(verdict(*wanted)),
        (_, Some(number)) => (number != 0.0).then(|| verdict(number > 0.0)),
        _ => word(value).map(verdict),
    }
}

/// Whether a word calls the answer wanted.
pub(super) fn word(value: &Value) -> Option<bool> {
    let word = plain(value.as_str()?);
    if WANTED.contains(&word.as_str()) {
        return Some(true);
    }
    REJECTED.contains(&word.as_str()).then_some(false)
}

fn plain(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '_', '-'], "")
}

/// A number, also as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// A value in an error: short ones as they are.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() <= 40 => format!("is `{text}`"),
        Value::Number(number) => format!("is {number}"),
        Value::Bool(flag) => format!("is {flag}"),
        other => format!("is {}", kind(other)),
    }
}
