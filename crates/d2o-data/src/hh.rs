//! Transcripts in the form of Anthropic's HH data: `Human:` and `Assistant:` turns in one string.

use crate::error::DataError;
use crate::jsonl::Row;
use crate::sample::{Message, NegativeSample, Prompt};

const HUMAN: &str = "\n\nHuman:";
const ASSISTANT: &str = "\n\nAssistant:";

/// The rejected answer of a pair of transcripts, behind the turns that both share.
///
/// The two may part before the last answer; then the prompt ends where they part, and the rejected
/// answer is the assistant's next turn there.
pub(crate) fn negatives(row: &Row) -> Result<Vec<NegativeSample>, DataError> {
    let parse = |field: &'static str| {
        let turns = turns(&row.text(field)?);
        let unreadable = || row.wrong(field, "has no Human: and Assistant: turns", "a transcript");
        turns.filter(|turns| turns.iter().any(|turn| turn.role == "assistant")).ok_or_else(unreadable)
    };
    let rejected = parse("rejected")?;
    let chosen = if row.has("chosen") { Some(parse("chosen")?) } else { None };
    let shared = match &chosen {
        Some(chosen) => rejected.iter().zip(chosen).take_while(|(a, b)| a == b).count(),
        None => rejected.len().saturating_sub(1),
    };
    // The prompt ends with a human turn: go on to the next answer of the assistant if need be.
    let Some(answer) = (shared..rejected.len()).find(|&index| rejected[index].role == "assistant") else {
        return Ok(Vec::new());
    };
    let text = rejected[answer].content.clone();
    if text.is_empty() || answer == 0 {
        return Ok(Vec::new());
    }
    let prompt = &rejected[..answer];
    let chosen = chosen.filter(|chosen| chosen.len() > answer && chosen[..answer] == *prompt);
    let chosen = chosen.map(|chosen| chosen[answer].content.clone()).filter(|text| !text.is_empty());
    Ok(vec![NegativeSample {
        id: row.id(""),
        prompt: Prompt::Messages(prompt.to_vec()),
        rejected: text,
        chosen,
        place: row.place.clone(),
    }])
}

fn turns(transcript: &str) -> Option<Vec<Message>> {
    let mut turns = Vec::new();
    let mut rest = transcript;
    let mut role = None;
    loop {
        let next = [(HUMAN, "user"), (ASSISTANT, "assistant")]
            .into_iter()
            .filter_map(|(mark, role)| rest.find(mark).map(|at| (at, mark, role)))
            .min_by_key(|(at, _, _)| *at);
        let end = next.map_or(rest.len(), |(at, _, _)| at);
        if let Some(role) = role {
            turns.push(Message { role: String::from(role), content: rest[..end].trim().to_owned() });
        } else if !rest[..end].trim().is_empty() {
            return None;
        }
        match next {
            Some((at, mark, who)) => {
                rest = &rest[at + mark.len()..];
                role = Some(who);
            }
            None => return (!turns.is_empty()).then_some(turns),
        }
    }
}
