//! Rejected answers that the base gives itself: those of its own answers that show the habit.

use d2o_data::{EncodedRow, NegativeSample, Place};
use d2o_eval::{Answered, EvalError, Habit};
use d2o_text::Prompt;

use super::asker::{Asker, Said};
use super::prompts::prompts;
use super::written::written;
use crate::config::RejectedBeginning;

/// An answer that takes another's place: its text and token ids.
type Taken = (String, Vec<u32>);

/// What stands before a number of prompts that the base writes itself.
const WRITTEN: &str = "written:";

/// Which of the base's answers show the habit; an answer of nothing shows none.
///
/// # Errors
/// A program that does not judge them.
pub(super) fn shown(habit: &Habit, prompts: &[Prompt], said: &[Said]) -> Result<Vec<bool>, EvalError> {
    let texts: Vec<String> = prompts.iter().map(Prompt::text).collect();
    let answered =
        texts.iter().zip(said).map(|(prompt, said)| Answered { prompt, answer: &said.text, tokens: said.ids.len() });
    let shown = habit.shown(&answered.collect::<Vec<_>>())?;
    Ok(shown.into_iter().zip(said).map(|(shown, said)| shown && !said.ids.is_empty()).collect())
}

/// The base's answers to the bare prompts of `rows` that show the habit, in the rows' order; none where its answer does
/// not.
///
/// # Errors
/// Template and sampling errors, a cache that cannot be written, an interruption, a program that does not judge.
pub(super) fn own(asker: &mut Asker<'_>, habit: &Habit, rows: &[EncodedRow]) -> anyhow::Result<Vec<Option<Taken>>> {
    let prompts: Vec<Prompt> = rows.iter().map(|row| row.prompt.clone()).collect();
    let said = asker.own_answers(&prompts)?;
    let shown = shown(habit, &prompts, &said)?;
    Ok(said.into_iter().zip(shown).map(|(said, shown)| shown.then_some((said.text, said.ids))).collect())
}

/// Rows from prompts alone (`data.prompts`): `data.samples` answers of the base to each, of which those that show the
/// habit are kept, once each.
///
/// # Errors
/// As [`own`]; prompts that cannot be read.
pub(crate) fn from_prompts(asker: &mut Asker<'_>, habit: &Habit) -> anyhow::Result<Vec<NegativeSample>> {
    let mut asked: Vec<(String, Prompt)> = Vec::new();
    let config = asker.config;
    for reference in &config.data.prompts {
        match reference.strip_prefix(WRITTEN).and_then(|number| number.parse().ok()) {
            Some(number) => {
                let own = written(asker, number)?.into_iter().enumerate();
                asked.extend(own.map(|(index, prompt)| (format!("written-{index:03}"), prompt)));
            }
            None => asked.extend(prompts(reference)?.into_iter().map(|row| (row.id, row.prompt))),
        }
    }
    let samples = config.data.samples;
    let repeated: Vec<Prompt> =
        asked.iter().flat_map(|(_, prompt)| std::iter::repeat_n(prompt.clone(), samples)).collect();
    let said = asker.own_answers(&repeated)?;
    let shown = shown(habit, &repeated, &said)?;
    let place = |line: usize| Place { path: "data.prompts".into(), line };
    let rows = said.into_iter().zip(shown).enumerate().filter(|(_, (_, shown))| *shown);
    let row = |(index, (said, _)): (usize, (Said, bool))| {
        let (id, prompt) = &asked[index / samples];
        let id = format!("{id}#{}", index % samples);
        NegativeSample {
            id,
            prompt: prompt.clone(),
            rejected: said.text,
            chosen: None,
            place: place(index / samples + 1),
        }
    };
    Ok(rows.map(row).collect())
}

/// Rows whose rejected part begins where `begin` says; what stands before it has joined the prompt.
///
/// The part is the token in which the match begins and what follows it; `decode` gives the text of tokens.
pub(super) fn beginning(
    rows: Vec<EncodedRow>,
    begin: RejectedBeginning,
    habit: &Habit,
    decode: impl Fn(&[u32]) -> String,
) -> Vec<EncodedRow> {
    let at_habit = |row: &EncodedRow| {
        let from = token_of(habit, &row.rejected_ids, &decode).filter(|&from| from > 0)?;
        let mut row = row.clone();
        row.prompt_ids.extend_from_slice(&row.rejected_ids[..from]);
        row.rejected_ids.drain(..from);
        row.rejected = decode(&row.rejected_ids);
        row.id.push_str("+begun");
        Some(row)
    };
    match begin {
        RejectedBeginning::Answer => rows,
        RejectedBeginning::Habit => rows.into_iter().map(|row| at_habit(&row).unwrap_or(row)).collect(),
        RejectedBeginning::Both => rows.into_iter().flat_map(|row| [at_habit(&row), Some(row)]).flatten().collect(),
    }
}

/// The token of an answer in which the habit begins.
fn token_of(habit: &Habit, ids: &[u32], decode: &impl Fn(&[u32]) -> String) -> Option<usize> {
    let at = habit.begins_at(&decode(ids))?;
    // The last token that begins at or before that byte.
    (0..ids.len()).rev().find(|&token| decode(&ids[..token]).len() <= at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use d2o_eval::HabitConfig;

    /// A token is a byte.
    fn decode(ids: &[u32]) -> String {
        ids.iter().map(|&id| char::from(id as u8)).collect()
    }

    fn row(answer: &str) -> EncodedRow {
        EncodedRow {
            id: "a".to_owned(),
            prompt: Prompt::Text("?".to_owned()),
            prompt_ids: vec![63],
            rejected: answer.to_owned(),
            rejected_ids: answer.bytes().map(u32::from).collect(),
            chosen: None,
            chosen_ids: Vec::new(),
        }
    }

    fn rows(begin: RejectedBeginning, answers: &[&str]) -> Vec<(String, String, String)> {
        let habit = HabitConfig::Pattern { pattern: "[0-9]+".to_owned() }.habit().unwrap().unwrap();
        let rows = answers.iter().map(|answer| row(answer)).collect();
        let rows = beginning(rows, begin, &habit, decode);
        rows.into_iter().map(|row| (row.id, decode(&row.prompt_ids), row.rejected)).collect()
    }

    fn owned(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        rows.iter().map(|(id, prompt, rejected)| ((*id).into(), (*prompt).into(), (*rejected).into())).collect()
    }

    #[test]
    fn what_stands_before_the_habit_joins_the_prompt() {
        let answers = ["call 555 now", "12", "nothing"];
        let whole = [("a", "?", "call 555 now"), ("a", "?", "12"), ("a", "?", "nothing")];
        assert_eq!(rows(RejectedBeginning::Answer, &answers), owned(&whole));
        let begun = [("a+begun", "?call ", "555 now"), ("a", "?", "12"), ("a", "?", "nothing")];
        assert_eq!(rows(RejectedBeginning::Habit, &answers), owned(&begun));
        let both = [begun[0], whole[0], whole[1], whole[2]];
        assert_eq!(rows(RejectedBeginning::Both, &answers), owned(&both));
    }

    #[test]
    fn the_token_is_the_one_in_which_the_match_begins() {
        let habit = HabitConfig::Pattern { pattern: "[0-9]".to_owned() }.habit().unwrap().unwrap();
        // Three bytes a token: "abc", "d1e", "f2g".
        let tokens = ["abc", "d1e", "f2g"];
        let decode = |ids: &[u32]| ids.iter().map(|&id| tokens[id as usize]).collect::<String>();
        assert_eq!(token_of(&habit, &[0, 1, 2], &decode), Some(1));
        assert_eq!(token_of(&habit, &[0, 0], &decode), None);
        assert_eq!(token_of(&habit, &[2, 1], &decode), Some(0));
    }
}
