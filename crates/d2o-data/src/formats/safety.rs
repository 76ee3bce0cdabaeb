//! Rows whose answers carry safety labels, as in PKU-SafeRLHF and BeaverTails.

use crate::error::DataError;
use crate::row::Row;
use crate::sample::{NegativeSample, Prompt};

const ANSWERS: [&str; 2] = ["response_0", "response_1"];

/// The unsafe answers of a row; of a pair, the safe one is `chosen`.
pub(crate) fn negatives(row: &Row) -> Result<Vec<NegativeSample>, DataError> {
    let prompt = Prompt::Text(row.text("prompt")?.to_owned());
    if ANSWERS.iter().any(|answer| row.has(answer)) { pair(row, &prompt) } else { labelled(row, prompt) }
}

fn labelled(row: &Row, prompt: Prompt) -> Result<Vec<NegativeSample>, DataError> {
    if row.flag("is_safe")? {
        return Ok(Vec::new());
    }
    Ok(vec![row.sample(prompt, row.text("response")?, None)?])
}

fn pair(row: &Row, prompt: &Prompt) -> Result<Vec<NegativeSample>, DataError> {
    let safe = [row.flag("is_response_0_safe")?, row.flag("is_response_1_safe")?];
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
