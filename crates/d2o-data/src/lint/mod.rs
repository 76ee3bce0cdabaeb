//! What is odd about a set of rows, before anything is trained on it.

mod report;

use std::collections::{HashMap, HashSet};

pub use self::report::{Finding, LintKind, LintReport};
use d2o_text::ChatTemplate;
use d2o_text::{Encoder, Limits, Tokens};

use crate::sample::NegativeSample;
use crate::split::identity;

/// Looks at every row for what [`LintKind`] lists.
///
/// Nothing is an error here: a row may be odd and right. [`Dataset`](crate::Dataset) has the report of its own rows.
pub fn lint(samples: &[NegativeSample], encoder: &Encoder, limits: &Limits) -> LintReport {
    let mut linter = Linter::new(encoder, limits);
    for sample in samples {
        linter.add(sample, encoder.tokenize(&sample.prompt, &sample.rejected).ok().as_ref());
    }
    linter.finish()
}

/// A lint over rows that are encoded one after another.
pub(crate) struct Linter<'e> {
    encoder: &'e Encoder,
    limits: &'e Limits,
    /// Whether the encoder's end token is another than the one that the template writes.
    wrong_end: bool,
    seen: HashSet<(String, String)>,
    /// Different answers of each prompt.
    answers: HashMap<String, usize>,
    report: LintReport,
}

impl<'e> Linter<'e> {
    pub(crate) fn new(encoder: &'e Encoder, limits: &'e Limits) -> Self {
        let end = |template: &ChatTemplate| template.end_of_turn(encoder.tokenizer());
        let wrong_end = encoder.template().and_then(end).is_some_and(|end| end != encoder.end_token());
        let (seen, answers) = (HashSet::new(), HashMap::new());
        Self { encoder, limits, wrong_end, seen, answers, report: LintReport::default() }
    }

    /// Looks at the next row; `tokens` are none where the prompt cannot be encoded.
    pub(crate) fn add(&mut self, sample: &NegativeSample, tokens: Option<&Tokens>) {
        let mut found = Vec::from_iter(self.repeated(sample));
        match tokens {
            Some(tokens) => found.extend(self.encoded(sample, tokens)),
            None => found.push(LintKind::RefusedPrompt),
        }
        self.report.add(&found, &sample.place);
    }

    pub(crate) fn finish(self) -> LintReport {
        self.report
    }

    fn repeated(&mut self, sample: &NegativeSample) -> Option<LintKind> {
        if !self.seen.insert(identity(sample)) {
            return Some(LintKind::Duplicate);
        }
        let count = self.answers.entry(sample.prompt.key()).or_default();
        *count += 1;
        (*count == 2).then_some(LintKind::SharedPrompt)
    }

    fn encoded(&self, sample: &NegativeSample, tokens: &Tokens) -> impl Iterator<Item = LintKind> + use<> {
        let cut = self.encoder.response_len(&tokens.response) > self.limits.max_response_tokens;
        let checks = [
            (LintKind::Empty, sample.rejected.trim().is_empty()),
            (LintKind::Truncated, cut),
            (LintKind::MissingEnd, self.wrong_end && !cut),
            (LintKind::LongPrompt, tokens.prompt.len() > self.limits.max_prompt_tokens),
            (LintKind::BoundaryMerge, self.merges(sample, tokens)),
            (LintKind::SpecialToken, self.spells_special(sample)),
        ];
        checks.into_iter().filter(|(_, odd)| *odd).map(|(kind, _)| kind)
    }

    /// Whether prompt and answer encoded together give other ids than encoded apart.
    fn merges(&self, sample: &NegativeSample, tokens: &Tokens) -> bool {
        let text = [tokens.prompt_text.as_str(), &sample.rejected].concat();
        let together = self.encoder.tokenizer().encode(&text);
        together.strip_prefix(tokens.prompt.as_slice()) != Some(tokens.response.as_slice())
    }

    /// Whether the row's own words contain a special token, such as one that ends a turn.
    fn spells_special(&self, sample: &NegativeSample) -> bool {
        let tokenizer = self.encoder.tokenizer();
        let spells = |text: &str| tokenizer.spells_special(text);
        spells(&sample.rejected) || sample.prompt.messages().iter().any(|turn| spells(&turn.content))
    }
}
