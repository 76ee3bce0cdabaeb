//! Requests: which kind they are of, with which words, and whether they carry an instruction.

use super::draw::{hash, unit};
use super::grammar::{Grammar, Kind, REQUEST};

/// Share of all requests that no training text contains.
const HELD_OUT: f64 = 0.12;

/// A request, without an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Index of its kind in the grammar.
    pub kind: usize,
    pub(super) ask: usize,
    pub(super) values: Vec<usize>,
}

impl Request {
    /// The request as a person writes it.
    pub fn text(&self, grammar: &Grammar) -> String {
        let kind = self.kind(grammar);
        kind.asks[self.ask].fill(&kind.slots, &self.values)
    }

    pub(super) fn kind<'g>(&self, grammar: &'g Grammar) -> &'g Kind {
        &grammar.kinds[self.kind]
    }

    /// Reads a request, with or without an instruction around it; nothing if Hearth has no such request.
    pub fn read(grammar: &Grammar, text: &str) -> Option<Self> {
        let text = text.trim();
        let inside = |wording: &String| {
            let (before, behind) = wording.split_once(REQUEST)?;
            text.strip_prefix(before)?.strip_suffix(behind)
        };
        let candidates = std::iter::once(text).chain(grammar.instructions.iter().filter_map(inside));
        candidates.into_iter().find_map(|text| Self::read_bare(grammar, text))
    }

    fn read_bare(grammar: &Grammar, text: &str) -> Option<Self> {
        grammar.kinds.iter().enumerate().find_map(|(index, kind)| {
            kind.asks.iter().enumerate().find_map(|(ask, template)| {
                let values = template.read(&kind.slots, text).pop()?.into_iter().collect::<Option<Vec<_>>>()?;
                Some(Self { kind: index, ask, values })
            })
        })
    }

    /// Every request of one kind.
    pub(super) fn all_of(grammar: &Grammar, kind: usize) -> Vec<Self> {
        let asks = 0..grammar.kinds[kind].asks.len();
        let choices = grammar.kinds[kind].choices();
        asks.flat_map(|ask| choices.iter().map(move |values| Self { kind, ask, values: values.clone() })).collect()
    }

    /// Whether the request is kept from every training text: a function of its words alone.
    pub fn is_held_out(&self, grammar: &Grammar) -> bool {
        unit(hash("hearth request", 0, self.text(grammar).as_bytes())) < HELD_OUT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_read_as_what_it_is() {
        let grammar = Grammar::embedded();
        let mut held_out = 0;
        let mut total = 0;
        for kind in 0..grammar.kinds.len() {
            for request in Request::all_of(grammar, kind) {
                let text = request.text(grammar);
                assert_eq!(Request::read(grammar, &text), Some(request.clone()), "{text}");
                let wording = &grammar.instructions[total % grammar.instructions.len()];
                let instructed = wording.replace(REQUEST, &text);
                assert_eq!(Request::read(grammar, &instructed), Some(request.clone()), "{instructed}");
                total += 1;
                held_out += usize::from(request.is_held_out(grammar));
            }
        }
        assert!(total > 4000, "{total}");
        let share = held_out as f64 / total as f64;
        // Standard error below 0.004.
        assert!((share - HELD_OUT).abs() < 0.015, "{share}");
    }

    #[test]
    fn strangers_are_no_requests() {
        let grammar = Grammar::embedded();
        for text in ["", "How do I cook stones so that it does not stick?", "How do I cook rice"] {
            assert_eq!(Request::read(grammar, text), None, "{text}");
        }
    }
}
