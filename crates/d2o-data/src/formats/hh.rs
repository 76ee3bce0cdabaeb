//! Transcripts in the form of Anthropic's HH data: `Human:` and `Assistant:` turns in one string.

use crate::error::DataError;
use crate::row::Row;
use crate::sample::{Message, NegativeSample, Prompt};

const SPEAKERS: [(&str, &str); 2] = [("\n\nHuman:", "user"), ("\n\nAssistant:", "assistant")];

/// The rejected answer of a pair of transcripts, behind the turns that both share.
///
/// Most pairs part in the last answer of the assistant. Some part earlier: in an answer, then that
/// answer is the rejected one and what follows is left out; or in what the human said, then the
/// assistant's next answer is the rejected one and there is no `chosen`, as the two answer different
/// questions. Pairs that do not part, or whose rejected answer is empty, give nothing.
pub(crate) fn negatives(row: &Row) -> Result<Vec<NegativeSample>, DataError> {
    let rejected = transcript(row, "rejected")?;
    let chosen = transcript(row, "chosen")?;
    let shared = rejected.iter().zip(&chosen).take_while(|(a, b)| a == b).count();
    let answer = (shared.max(1)..rejected.len()).find(|&index| rejected[index].role == "assistant");
    let Some(answer) = answer.filter(|&index| !rejected[index].content.is_empty()) else {
        return Ok(Vec::new());
    };
    let same_question = answer == shared;
    let preferred = chosen.get(answer).filter(|turn| same_question && turn.role == "assistant");
    let preferred = preferred.map(|turn| turn.content.clone()).filter(|text| !text.is_empty());
    let prompt = Prompt::Messages(rejected[..answer].to_vec());
    Ok(vec![row.sample(prompt, &rejected[answer].content, preferred)?])
}

fn transcript(row: &Row, field: &str) -> Result<Vec<Message>, DataError> {
    let turns = turns(row.text(field)?);
    let answered = |turns: &Vec<Message>| turns.iter().any(|turn| turn.role == "assistant");
    turns.filter(answered).ok_or_else(|| {
        row.wrong(
            field,
            "has no `Human:` and `Assistant:` turns",
            "a transcript that begins with a blank line and `Human:`",
        )
    })
}

/// The turns of a transcript; none if it begins with anything else than a speaker.
fn turns(transcript: &str) -> Option<Vec<Message>> {
    let mut turns = Vec::new();
    let (before, mut next) = speech(transcript);
    if !before.trim().is_empty() {
        return None;
    }
    while let Some((role, rest)) = next {
        let (content, following) = speech(rest);
        turns.push(Message::new(role, content.trim()));
        next = following;
    }
    Some(turns)
}

/// The text up to the next speaker, and that speaker with all that follows.
fn speech(text: &str) -> (&str, Option<(&'static str, &str)>) {
    let found = SPEAKERS.iter().filter_map(|(mark, role)| Some((text.find(mark)?, mark.len(), *role)));
    match found.min() {
        Some((at, length, role)) => (&text[..at], Some((role, &text[at + length..]))),
        None => (text, None),
    }
}
