//! Two answers, and a field that says which one is better: Chatbot Arena's rows, AlpacaFarm's.

use serde_json::Value;

use super::answer::{answered, answers, optional_answer};
use super::contradiction::{refuse_choices, refuse_label};
use super::verdict::number;
use crate::error::DataError;
use crate::row::{Row, kind};
use crate::sample::NegativeSample;

/// Fields with two answers, and how numbers name the first of them.
const PAIRS: [(&str, &str, f64); 8] = [
    ("conversation_a", "conversation_b", 0.0),
    ("response_a", "response_b", 0.0),
    ("answer_a", "answer_b", 0.0),
    ("output_a", "output_b", 0.0),
    ("response_1", "response_2", 1.0),
    ("output_1", "output_2", 1.0),
    ("answer_1", "answer_2", 1.0),
    ("answer_0", "answer_1", 0.0),
];
const CHOICES: [&str; 5] = ["winner", "preference", "preferred", "choice", "chosen_index"];
const EXPECTED: &str = "the better answer, such as `model_a`, or `tie`";

/// Which answers are rejected.
enum Outcome {
    First,
    Second,
    Both,
    Neither,
}

fn pair(row: &Row) -> Option<(&'static str, &'static str, f64)> {
    PAIRS.into_iter().find(|(first, second, _)| row.names(first) && row.names(second))
}

/// Whether a row has two answers and a choice.
pub(super) fn is_comparison(row: &Row) -> bool {
    pair(row).is_some() && CHOICES.iter().any(|field| row.names(field))
}

/// The worse answer, with the better one as `chosen`; both where both were called bad; none of a tie.
pub(super) fn negatives(row: &Row) -> Result<Vec<NegativeSample>, DataError> {
    let (Some((first, second, base)), Some(choice)) = (pair(row), CHOICES.into_iter().find(|field| row.names(field)))
    else {
        return Err(row.wrong("winner", "is missing", EXPECTED));
    };
    refuse_choices(row, &[choice])?;
    refuse_label(row)?;
    let (rejected, chosen): (&[&str], Option<&str>) = match outcome(row, choice, first, second, base)? {
        Outcome::First => (&[first], Some(second)),
        Outcome::Second => (&[second], Some(first)),
        Outcome::Both => (&[first, second], None),
        Outcome::Neither => return Ok(Vec::new()),
    };
    let chosen = chosen.map(|field| optional_answer(row, field)).transpose()?.flatten();
    let mut samples = Vec::new();
    for &field in rejected {
        for answer in answers(row, field)? {
            let (prompt, text) = answered(row, field, answer)?;
            let chosen = chosen.clone().map(|chosen| answered(row, field, chosen)).transpose()?;
            let chosen = chosen.filter(|(other, _)| other.messages() == prompt.messages()).map(|(_, text)| text);
            let mut sample = row.sample(prompt, &text, chosen)?;
            sample.id = format!("{}#{field}", sample.id);
            samples.push(sample);
        }
    }
    Ok(samples)
}

fn outcome(row: &Row, choice: &str, first: &str, second: &str, base: f64) -> Result<Outcome, DataError> {
    let value = row.value(choice).unwrap_or(&Value::Null);
    if let Some(number) = number(value) {
        return match number - base {
            0.0 => Ok(Outcome::Second),
            1.0 => Ok(Outcome::First),
            _ => Err(row.wrong(choice, &format!("is {number}"), EXPECTED)),
        };
    }
    let Some(text) = value.as_str() else {
        return if value.is_null() {
            Ok(Outcome::Neither)
        } else {
            Err(row.wrong(choice, &format!("is {}", kind(value)), EXPECTED))
        };
    };
    let word = text.trim().to_lowercase().replace([' ', '_', '-', '(', ')'], "");
    let side = |field: &str| field.rsplit('_').next().unwrap_or_default().to_owned();
    let names = |field: &str| {
        let side = side(field);
        [side.clone(), format!("model{side}"), format!("assistant{side}"), field.replace('_', "")].contains(&word)
    };
    match word.as_str() {
        "tiebothbad" | "bothbad" => Ok(Outcome::Both),
        "" | "tie" | "both" | "neither" | "bothgood" | "tiebothgood" | "equal" => Ok(Outcome::Neither),
        _ if names(first) => Ok(Outcome::Second),
        _ if names(second) => Ok(Outcome::First),
        _ => Err(row.wrong(choice, &format!("is `{text}`"), EXPECTED)),
    }
}
