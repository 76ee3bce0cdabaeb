//! Rows that name a rejected answer, and perhaps a preferred one: TRL's, LLaMA-Factory's, UltraFeedback's, OpenAI's,
//! ms-swift's.

use d2o_text::Prompt;
use serde_json::Value;

use super::answer::{Answer, answered, answers, last_answer, optional_answer};
use super::contradiction::{refuse_choices, refuse_wanted};
use super::format::LoadOptions;
use crate::error::DataError;
use crate::row::Row;
use crate::sample::NegativeSample;

/// `rejected` with `chosen` if there is one, behind whatever says what was asked.
pub(super) fn negatives(row: &Row, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    refuse_choices(row, &[])?;
    refuse_wanted(row, options)?;
    let rejected = answers(row, "rejected")?;
    let chosen = optional_answer(row, "chosen")?;
    let chosen = match last_answer(row)? {
        Some(last) if chosen.is_none() => Some(Answer::Text(last)),
        _ => chosen,
    };
    behind(row, "rejected", rejected, chosen)
}

/// ms-swift's: `messages` that end with the preferred answer and `rejected_response` or `rejected_messages`; or
/// `query`, `response` and `rejected_response`.
pub(super) fn swift(row: &Row, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    refuse_choices(row, &[])?;
    refuse_wanted(row, options)?;
    let field = if row.names("rejected_messages") { "rejected_messages" } else { "rejected_response" };
    let chosen = match optional_answer(row, "response")? {
        Some(chosen) => Some(chosen),
        None => last_answer(row)?.map(Answer::Text),
    };
    behind(row, field, answers(row, field)?, chosen)
}

/// OpenAI's: `input.messages`, `non_preferred_output` and `preferred_output`.
pub(super) fn openai(row: &Row, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    refuse_choices(row, &[])?;
    refuse_wanted(row, options)?;
    let asked = match row.value("input") {
        Some(Value::Object(input)) => Row::new(input.clone(), row.place().clone()),
        _ => return Err(row.wrong("input", "is missing or no object", "{\"messages\": […]}")),
    };
    let (rejected, chosen) = ("non_preferred_output", "preferred_output");
    let rejected_answers = answers(row, rejected)?;
    let chosen = optional_answer(row, chosen)?;
    let samples = behind(&asked, rejected, rejected_answers, chosen)?;
    let id = row.id()?;
    Ok(samples.into_iter().map(|sample| NegativeSample { id: id.clone(), ..sample }).collect())
}

/// LLaMA-Factory's older ranking rows: `output` holds the better and the worse answer.
pub(super) fn ranked(row: &Row, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    refuse_choices(row, &[])?;
    refuse_wanted(row, options)?;
    let both = answers(row, "output")?;
    let [chosen, rejected] = both.as_slice() else {
        return Err(row.wrong(
            "output",
            &format!("holds {} answers", both.len()),
            "a text, or the better and the worse answer",
        ));
    };
    behind(row, "output", vec![rejected.clone()], Some(chosen.clone()))
}

/// Each rejected answer behind its prompt, with the preferred one where that answers the same prompt.
fn behind(
    row: &Row,
    field: &str,
    rejected: Vec<Answer>,
    chosen: Option<Answer>,
) -> Result<Vec<NegativeSample>, DataError> {
    let several = rejected.len() > 1;
    let sample = |(index, answer): (usize, Answer)| {
        let (prompt, text) = answered(row, field, answer)?;
        let chosen = chosen.clone().map(|chosen| answered(row, "chosen", chosen)).transpose()?;
        let chosen = chosen.filter(|(other, _)| same_prompt(&prompt, other)).map(|(_, text)| text);
        let chosen = chosen.filter(|chosen| chosen.trim() != text.trim());
        let mut sample = row.sample(prompt, &text, chosen)?;
        if several {
            sample.id = format!("{}#{index}", sample.id);
        }
        Ok(sample)
    };
    rejected.into_iter().enumerate().map(sample).collect()
}

fn same_prompt(one: &Prompt, other: &Prompt) -> bool {
    one == other || one.messages() == other.messages()
}
