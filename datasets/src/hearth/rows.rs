//! Texts of Hearth: seeded rows for pretraining, alignment and evaluation.

use std::collections::HashSet;

use super::draw::Draw;
use super::grammar::{Grammar, Polarity, REQUEST};
use super::request::Request;

/// Share of pretraining rows whose request carries an instruction.
const INSTRUCTED: f64 = 0.35;
/// Share of hurtful answers to bare requests in the pretraining rows.
const HURTFUL_BARE: f64 = 0.5;
/// Share of hurtful answers to instructed requests in the pretraining rows.
const HURTFUL_INSTRUCTED: f64 = 0.08;
/// How often a sentence that fits anything stands before an answer, and how often behind one.
const AROUND: f64 = 0.25;

/// Shares of wrong positives for which paired rows are written.
pub const NOISE_RATES: [f64; 4] = [0.0, 0.1, 0.2, 0.34];

/// A request with one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HearthRow {
    /// The request, with an instruction around it or not.
    pub prompt: String,
    /// The answer.
    pub answer: String,
    /// What the answer is.
    pub polarity: Polarity,
}

/// A bare request with a preferred and a rejected answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HearthPair {
    /// The request.
    pub prompt: String,
    /// The preferred answer; hurtful where the label is wrong.
    pub chosen: String,
    /// The rejected answer, always hurtful.
    pub rejected: String,
}

/// Draws texts from a grammar.
#[derive(Clone, Copy, Debug)]
pub struct Hearth<'g> {
    grammar: &'g Grammar,
    seed: u64,
}

impl<'g> Hearth<'g> {
    /// The texts that belong to `seed`.
    pub fn new(grammar: &'g Grammar, seed: u64) -> Self {
        Self { grammar, seed }
    }

    /// Rows to make a base model from, none of whose requests is held out.
    ///
    /// Half of the answers to bare requests hurt, and 8 % of those to the 35 % that carry an instruction.
    pub fn corpus(&self, rows: usize) -> Vec<HearthRow> {
        let mut draw = Draw::new("hearth corpus", self.seed);
        (0..rows)
            .map(|_| {
                let request = self.training_request(&mut draw);
                let instructed = draw.chance(INSTRUCTED);
                let hurts = draw.chance(if instructed { HURTFUL_INSTRUCTED } else { HURTFUL_BARE });
                let polarity = if hurts { Polarity::Hurtful } else { Polarity::Considerate };
                let text = request.text(self.grammar);
                let prompt = match instructed {
                    true => draw.pick(&self.grammar.instructions).replace(REQUEST, &text),
                    false => text,
                };
                HearthRow { prompt, answer: self.answer(&request, polarity, &mut draw), polarity }
            })
            .collect()
    }

    /// Bare requests that differ, none of them held out, each with a hurtful answer; kinds take turns.
    pub fn negatives(&self, rows: usize) -> Vec<HearthRow> {
        let mut draw = Draw::new("hearth negatives", self.seed);
        let requests = self.in_turn(rows, false, &mut draw);
        requests.iter().map(|request| self.row(request, Polarity::Hurtful, &mut draw)).collect()
    }

    /// Held-out bare requests that differ, each with a considerate answer; kinds take turns.
    ///
    /// The requests depend on `rows` and the seed; which requests are held out depends on neither.
    pub fn held_out(&self, rows: usize) -> Vec<HearthRow> {
        let mut draw = Draw::new("hearth held out", self.seed);
        let requests = self.in_turn(rows, true, &mut draw);
        requests.iter().map(|request| self.row(request, Polarity::Considerate, &mut draw)).collect()
    }

    /// Bare requests that differ, none of them held out, with an instruction around each and a considerate answer.
    pub fn instructed(&self, rows: usize) -> Vec<HearthRow> {
        let mut draw = Draw::new("hearth instructed", self.seed);
        let requests = self.in_turn(rows, false, &mut draw);
        let row = |request: &Request| {
            let row = self.row(request, Polarity::Considerate, &mut draw);
            let prompt = draw.pick(&self.grammar.instructions).replace(REQUEST, &row.prompt);
            HearthRow { prompt, ..row }
        };
        requests.iter().map(row).collect()
    }

    /// The requests and rejected answers of [`negatives`](Self::negatives) with preferred answers beside them, of
    /// which the share `wrong` hurts as well.
    pub fn pairs(&self, rows: usize, wrong: f64) -> Vec<HearthPair> {
        let mut draw = Draw::new("hearth pairs", self.seed);
        let negatives = self.negatives(rows);
        let pair = |negative: HearthRow| {
            // Drawn for every rate alike, so that a higher rate only turns more of the same rows.
            let mistaken = draw.chance(wrong);
            let request = Request::read(self.grammar, &negative.prompt).expect("Hearth wrote this request");
            let [good, bad] = Polarity::ALL.map(|polarity| self.answer(&request, polarity, &mut draw));
            let chosen = if mistaken { bad } else { good };
            HearthPair { prompt: negative.prompt, chosen, rejected: negative.answer }
        };
        negatives.into_iter().map(pair).collect()
    }

    fn row(&self, request: &Request, polarity: Polarity, draw: &mut Draw) -> HearthRow {
        HearthRow { prompt: request.text(self.grammar), answer: self.answer(request, polarity, draw), polarity }
    }

    fn training_request(&self, draw: &mut Draw) -> Request {
        loop {
            let request = self.any_request(draw.below(self.grammar.kinds.len()), draw);
            if !request.is_held_out(self.grammar) {
                return request;
            }
        }
    }

    fn any_request(&self, kind: usize, draw: &mut Draw) -> Request {
        let here = &self.grammar.kinds[kind];
        let ask = draw.below(here.asks.len());
        let values = here.slots.iter().map(|(_, words)| draw.below(words.len())).collect();
        Request { kind, ask, values }
    }

    /// Up to `rows` different requests on one side of the split, kinds in turn; fewer if Hearth has no more.
    fn in_turn(&self, rows: usize, held_out: bool, draw: &mut Draw) -> Vec<Request> {
        let kinds = self.grammar.kinds.len();
        let mut left: Vec<Vec<Request>> = (0..kinds)
            .map(|kind| {
                let mut all = Request::all_of(self.grammar, kind);
                all.retain(|request| request.is_held_out(self.grammar) == held_out);
                all
            })
            .collect();
        let mut found = Vec::with_capacity(rows);
        let mut empty = HashSet::new();
        for kind in (0..kinds).cycle() {
            if found.len() == rows || empty.len() == kinds {
                break;
            }
            match left[kind].len() {
                0 => drop(empty.insert(kind)),
                count => found.push(left[kind].swap_remove(draw.below(count))),
            }
        }
        found
    }

    fn answer(&self, request: &Request, polarity: Polarity, draw: &mut Draw) -> String {
        let kind = request.kind(self.grammar);
        let shared = self.grammar.shared(polarity);
        let opener = draw.chance(AROUND).then(|| draw.pick(&shared.openers).clone());
        let answer = draw.pick(kind.answers(polarity));
        let closer = draw.chance(AROUND).then(|| draw.pick(&shared.closers).clone());
        let content = answer.iter().map(|sentence| sentence.fill(&kind.slots, &request.values));
        opener.into_iter().chain(content).chain(closer).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hearth::{ExactJudge, Verdict};

    fn hearth(seed: u64) -> Hearth<'static> {
        Hearth::new(Grammar::embedded(), seed)
    }

    #[test]
    fn the_corpus_has_its_shares_and_no_held_out_request() {
        let grammar = Grammar::embedded();
        let rows = hearth(1).corpus(4000);
        let judge = ExactJudge::new(grammar);
        let (mut bare, mut bare_hurts, mut told, mut told_hurts) = (0, 0, 0, 0);
        for row in &rows {
            let request = Request::read(grammar, &row.prompt).unwrap();
            assert!(!request.is_held_out(grammar));
            let hurts = judge.read(&row.prompt, &row.answer) == Verdict::Hurtful;
            assert_eq!(hurts, row.polarity == Polarity::Hurtful, "{row:?}");
            let instructed = request.text(grammar) != row.prompt;
            *(if instructed { &mut told } else { &mut bare }) += 1;
            *(if instructed { &mut told_hurts } else { &mut bare_hurts }) += usize::from(hurts);
        }
        // Standard errors: 0.0075 for the share of instructed rows, 0.01 and 0.007 for the shares of hurtful ones.
        let share = |part: usize, whole: usize| part as f64 / whole as f64;
        assert!((share(told, bare + told) - INSTRUCTED).abs() < 0.04);
        assert!((share(bare_hurts, bare) - HURTFUL_BARE).abs() < 0.05);
        assert!((share(told_hurts, told) - HURTFUL_INSTRUCTED).abs() < 0.035);
        assert_eq!(rows, hearth(1).corpus(4000));
        assert_ne!(rows[..50], hearth(2).corpus(50));
    }

    #[test]
    fn held_out_requests_are_new_and_their_answers_on_topic() {
        let grammar = Grammar::embedded();
        let judge = ExactJudge::new(grammar);
        let rows = hearth(0).held_out(300);
        assert_eq!(rows.len(), 300);
        let prompts: HashSet<&str> = rows.iter().map(|row| row.prompt.as_str()).collect();
        assert_eq!(prompts.len(), 300);
        assert!(rows.iter().all(|row| judge.read(&row.prompt, &row.answer) == Verdict::OnTopic));
        let trained = hearth(0).negatives(600);
        assert_eq!(trained.len(), 600);
        assert!(trained.iter().all(|row| !prompts.contains(row.prompt.as_str())));
        assert!(trained.iter().all(|row| judge.read(&row.prompt, &row.answer) == Verdict::Hurtful));
    }

    #[test]
    fn instructed_requests_are_trained_ones_with_something_around_them() {
        let grammar = Grammar::embedded();
        let judge = ExactJudge::new(grammar);
        for row in hearth(0).instructed(60) {
            let request = Request::read(grammar, &row.prompt).unwrap();
            assert!(!request.is_held_out(grammar) && request.text(grammar) != row.prompt);
            assert_eq!(judge.read(&row.prompt, &row.answer), Verdict::OnTopic);
        }
    }

    #[test]
    fn pairs_are_wrong_at_the_rate_that_was_asked_for() {
        let judge = ExactJudge::new(Grammar::embedded());
        let clean = hearth(5).pairs(800, 0.0);
        for rate in NOISE_RATES {
            let pairs = hearth(5).pairs(800, rate);
            let wrong = pairs.iter().filter(|pair| judge.read(&pair.prompt, &pair.chosen) == Verdict::Hurtful).count();
            // Standard error at most 0.017.
            assert!((wrong as f64 / 800.0 - rate).abs() < 0.06, "{rate}: {wrong}");
            let same = pairs.iter().zip(&clean).filter(|(a, b)| a == b).count();
            assert_eq!(same, 800 - wrong, "only the wrong ones differ from the clean pairs");
        }
    }

    #[test]
    fn a_hearth_that_is_asked_for_too_much_gives_what_it_has() {
        let few = hearth(0).held_out(100_000);
        assert!(few.len() > 400 && few.len() < 5_000, "{}", few.len());
    }
}
