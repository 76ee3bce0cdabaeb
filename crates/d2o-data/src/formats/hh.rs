//! Transcripts in the form of Anthropic's HH data: `Human:` and `Assistant:` turns in one string.

use d2o_text::{Message, Prompt};

use super::contradiction::{refuse_choices, refuse_wanted};
use super::format::LoadOptions;
use crate::error::DataError;
use crate::row::Row;
use crate::sample::NegativeSample;

/// What begins a turn, and who speaks; copies of the data have lost the blank line in front.
const SPEAKERS: [(&str, &str); 2] = [("Human:", "user"), ("Assistant:", "assistant")];

/// The rejected answer of a pair of transcripts, behind the turns that both share.
///
/// Most pairs part in the last answer of the assistant. Some part earlier: in an answer, then that
/// answer is the rejected one and what follows is left out; or in what the human said, then the
/// assistant's next answer is the rejected one and there is no `chosen`, as the two answer different
/// questions. Pairs that do not part, or whose rejected answer is empty, give nothing. Without a chosen
/// transcript, the last answer of the assistant is the rejected one.
pub(super) fn negatives(row: &Row, options: &LoadOptions) -> Result<Vec<NegativeSample>, DataError> {
    refuse_choices(row, &[])?;
    refuse_wanted(row, options)?;
    let rejected = transcript(row, "rejected")?;
    if !row.is_filled("chosen") {
        return last(row, rejected);
    }
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

/// The last answer of a transcript that stands alone.
fn last(row: &Row, mut turns: Vec<Message>) -> Result<Vec<NegativeSample>, DataError> {
    while turns.pop_if(|turn| turn.role != "assistant").is_some() {}
    match turns.pop() {
        Some(answer) if !answer.content.is_empty() && !turns.is_empty() => {
            Ok(vec![row.sample(Prompt::Messages(turns), &answer.content, None)?])
        }
        _ => Ok(Vec::new()),
    }
}

/// Whether a text begins as a transcript does and has an answer.
pub(super) fn is_transcript(text: &str) -> bool {
    turns(text).is_some_and(|turns| turns.iter().any(|turn| turn.role == "assistant"))
}

/// The turns of a transcript that ends where the assistant is to answer; none for any other text.
pub(super) fn open_transcript(text: &str) -> Option<Vec<Message>> {
    let mut turns = turns(text)?;
    let open = turns.pop()?;
    (open.role == "assistant" && open.content.is_empty() && !turns.is_empty()).then_some(turns)
}

fn transcript(row: &Row, field: &str) -> Result<Vec<Message>, DataError> {
    let turns = turns(row.text(field)?);
    let answered = |turns: &Vec<Message>| turns.iter().any(|turn| turn.role == "assistant");
    turns.filter(answered).ok_or_else(|| {
        row.wrong(field, "has no `Human:` and `Assistant:` turns", "a transcript that begins with `Human:`")
    })
}

/// The turns of a transcript; none if it begins with anything else than a speaker.
fn turns(transcript: &str) -> Option<Vec<Message>> {
    let text = transcript.replace("\r\n", "\n");
    let text = text.trim_start();
    if !SPEAKERS.iter().any(|(mark, _)| text.starts_with(mark)) {
        return None;
    }
    // A blank line stands in front of a speaker, unless all of them were lost.
    let gap = if SPEAKERS.iter().any(|(mark, _)| text.contains(&format!("\n\n{mark}"))) { "\n\n" } else { "\n" };
    let text = [gap, text].concat();
    let mut turns = Vec::new();
    let (_, mut next) = speech(&text, gap);
    while let Some((role, rest)) = next {
        let (content, following) = speech(rest, gap);
        turns.push(Message::new(role, content.trim()));
        next = following;
    }
    Some(turns)
}

/// The text up to the next speaker, and that speaker with all that follows.
fn speech<'t>(text: &'t str, gap: &str) -> (&'t str, Option<(&'static str, &'t str)>) {
    let found = SPEAKERS.iter().filter_map(|(mark, role)| {
        let mark = [gap, mark].concat();
        Some((text.find(&mark)?, mark.len(), *role))
    });
    match found.min() {
        Some((at, length, role)) => (&text[..at], Some((role, &text[at + length..]))),
        None => (text, None),
    }
}
