//! Answers that have begun: behind the first tokens of the base's own bad answer, which are not judged with them.

use d2o_eval::Begun;
use d2o_generate::GenerateError;
use d2o_text::Prompt;

use super::measure::{Ask, EvaluationSettings};

/// The base's own greedy answers, one a prompt.
pub(super) struct Beginnings<'a> {
    /// Which of them are bad.
    pub bad: Vec<bool>,
    /// Their token ids, without an end token.
    pub ids: Vec<&'a [u32]>,
}

impl Beginnings<'_> {
    /// Places of the prompts to which the base's answer is bad and has so many tokens or more.
    fn places(&self, tokens: usize) -> Vec<usize> {
        (0..self.ids.len()).filter(|&place| self.bad[place] && self.ids[place].len() >= tokens).collect()
    }
}

/// For each number of tokens of `settings.begun` what the model says behind so many of the base's; lengths that no bad
/// answer has are left out.
///
/// # Errors
/// Template and sampling errors, an interruption.
pub(super) fn begun(
    ask: &Ask<'_>,
    prompts: &[Prompt],
    beginnings: &Beginnings<'_>,
    settings: &EvaluationSettings,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Begun>, GenerateError> {
    let (mut all, mut done) = (Vec::new(), 0);
    for &tokens in &settings.begun {
        let places = beginnings.places(tokens);
        if places.is_empty() {
            continue;
        }
        let asked: Vec<Prompt> = places.iter().map(|&place| prompts[place].clone()).collect();
        let first: Vec<&[u32]> = places.iter().map(|&place| &beginnings.ids[place][..tokens]).collect();
        let answers = ask.begun(&asked, &first, &settings.greedy(""), |now| progress(done + now))?;
        done += places.len();
        let continuations = answers.into_iter().map(|answer| answer.continuation).collect();
        all.push(Begun { tokens, prompts: places, continuations });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bad_answers_that_are_long_enough_are_begun() {
        let ids: [&[u32]; 4] = [&[1, 2, 3], &[1, 2, 3, 4], &[1], &[1, 2, 3]];
        let beginnings = Beginnings { bad: vec![true, false, true, true], ids: ids.to_vec() };
        assert_eq!(beginnings.places(1), [0, 2, 3]);
        assert_eq!(beginnings.places(3), [0, 3]);
        assert!(beginnings.places(4).is_empty());
    }
}
