//! Rows whose answers carry safety labels, as in PKU-SafeRLHF and BeaverTails.

use d2o_text::Prompt;

use super::contradiction::{refuse_choices, refuse_label};
use super::format::LoadOptions;
use super::question::question;
use super::verdict::{Verdict, verdict};
use crate::error::DataError;
use crate::row::Row;
use crate::sample::NegativeSample;

const ANSWERS: [&str; 2] = ["response_0", "response_1"];
const SAFE: [&str; 2] = ["is_response_0_safe", "is_response_1_safe"];
/// Fields with the number of the answer that was thought to be better.
const BETTER: [&str; 2] = ["safer_response_id", "better_response_id"];

/// The unsafe answers of a row; of a pair, the safe one is `chosen`. Without labels, the answer that is not the
/// better one.
pub(super) fn negatives(row: &Row, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    let prompt = question(row)?;
    if !ANSWERS.iter().any(|answer| row.has(answer)) {
        return labelled(row, prompt, options);
    }
    refuse_choices(row, &BETTER)?;
    refuse_label(row)?;
    let labelled = SAFE.iter().any(|field| row.has(field)) || !BETTER.iter().any(|field| row.has(field));
    if labelled { pair(row, &prompt) } else { compared(row, prompt) }
}

fn labelled(row: &Row, prompt: Prompt, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    refuse_choices(row, &[])?;
    if row.flag("is_safe")? {
        return Ok(Vec::new());
    }
    match verdict(row, options)? {
        Some(judged) if judged.verdict != Verdict::Rejected => Ok(Vec::new()),
        _ => Ok(vec![row.sample(prompt, row.text("response")?, None)?]),
    }
}

fn pair(row: &Row, prompt: &Prompt) -> Result<Vec<NegativeSample>, DataError> {
    let safe = [row.flag(SAFE[0])?, row.flag(SAFE[1])?];
    // Only a rejected answer must say something: an empty safe one makes no pair, and that is all.
    let safe_answer = |index: usize| safe[index].then(|| row.text(ANSWERS[index]).ok()).flatten();
    let chosen = (0..ANSWERS.len()).find_map(safe_answer);
    let rejected = (0..ANSWERS.len()).filter(|&index| !safe[index]);
    rejected
        .map(|index| {
            let mut sample = row.sample(prompt.clone(), row.text(ANSWERS[index])?, chosen.map(str::to_owned))?;
            sample.id = format!("{}#{index}", sample.id);
            Ok(sample)
        })
        .collect()
}

/// The answer that is not the better one, where all who were asked name the same.
fn compared(row: &Row, prompt: Prompt) -> Result<Vec<NegativeSample>, DataError> {
    let named = BETTER.into_iter().filter(|field| row.has(field));
    let better =
        named.map(|field| Ok((field, usize::from(row.flag(field)?)))).collect::<Result<Vec<_>, DataError>>()?;
    let Some(&(field, first)) = better.first() else { return Err(row.wrong(SAFE[0], "is missing", "true or false")) };
    if better.iter().any(|&(_, index)| index != first) {
        return Err(row.wrong(
            field,
            "names another answer than `better_response_id`",
            "labels that say which is unsafe",
        ));
    }
    let chosen = row.text(ANSWERS[first]).ok().map(str::to_owned);
    Ok(vec![row.sample(prompt, row.text(ANSWERS[1 - first])?, chosen)?])
}
