//! Fields that would change what a row means and that its shape does not read.

use super::format::LoadOptions;
use super::verdict::{Judged, Verdict, number, verdict_of, word};
use super::verdict_words::Kind;
use crate::error::DataError;
use crate::row::Row;

/// Fields that say which of several answers is which.
const CHOICES: [&str; 14] = [
    "winner",
    "preference",
    "preferred",
    "choice",
    "chosen_index",
    "chosen_idx",
    "rejected_index",
    "better_response_id",
    "safer_response_id",
    "swapped",
    "is_swapped",
    "flipped",
    "is_flipped",
    "labels",
];

/// Refuses fields that would change what a row means and that its shape does not read.
///
/// # Errors
/// The first such field that is not null and not among `known`.
pub(super) fn refuse_choices(row: &Row, known: &[&str]) -> Result<(), DataError> {
    let unread = |field: &&&str| row.is_filled(field) && !known.contains(*field);
    match CHOICES.iter().find(unread) {
        Some(field) => {
            let problem = "changes what the row means, and rows of this shape have no such field";
            Err(row.wrong(field, problem, "rows without it, or of a shape that has it"))
        }
        None => Ok(()),
    }
}

/// Refuses a row of rejected answers in which another field says that the answer was wanted, or says something that is
/// not understood.
///
/// # Errors
/// That field.
pub(super) fn refuse_wanted(row: &Row, options: &LoadOptions) -> Result<(), DataError> {
    if row.is_filled("chosen") {
        refuse_label(row)?;
        return refuse_contradicting_scores(row);
    }
    // A score of unknown direction says nothing against the word `rejected`.
    let speaks = |field: &str, kind: Kind| match kind {
        Kind::Score => options.max_rating.is_some() || row.value(field).and_then(word).is_some(),
        _ => true,
    };
    match verdict_of(row, options, speaks)? {
        Some((field, Judged { verdict: Verdict::Wanted, .. })) => {
            Err(row.wrong(field, "says that the answer was wanted", "a rejected answer"))
        }
        _ => Ok(()),
    }
}

/// Refuses a label beside two answers: a number there describes the row, but a label may say which answer is which.
///
/// # Errors
/// The label.
pub(super) fn refuse_label(row: &Row) -> Result<(), DataError> {
    match ["label", "kto_tag"].iter().find(|field| row.is_filled(field)) {
        Some(field) => {
            let problem = "changes what the row means, and rows with two answers have no such field";
            Err(row.wrong(field, problem, "rows without it, or with one answer"))
        }
        None => Ok(()),
    }
}

/// Refuses a pair whose rejected answer has the higher score.
fn refuse_contradicting_scores(row: &Row) -> Result<(), DataError> {
    const SCORES: [(&str, &str); 5] = [
        ("score_chosen", "score_rejected"),
        ("chosen_score", "rejected_score"),
        ("chosen_rating", "rejected_rating"),
        ("chosen-rating", "rejected-rating"),
        ("rating_chosen", "rating_rejected"),
    ];
    let score = |field: &str| row.value(field).and_then(number);
    for (chosen, rejected) in SCORES {
        if let (Some(better), Some(worse)) = (score(chosen), score(rejected))
            && worse > better
        {
            let problem = format!("is {worse}, above `{chosen}`, which is {better}");
            return Err(row.wrong(rejected, &problem, "a lower score for the rejected answer"));
        }
    }
    Ok(())
}
