//! What is odd about a set of rows, before anything is trained on it.

use std::collections::{HashMap, HashSet};

use crate::encode::{Encoder, Limits, Sequence};
use crate::lint_report::{LintKind, LintReport};
use crate::sample::NegativeSample;
use crate::split::identity;
use crate::template::ChatTemplate;

/// Looks at every row for what [`LintKind`] lists.
///
/// Nothing is an error here: a row may be odd and right.
pub fn lint(samples: &[NegativeSample], encoder: &Encoder, limits: &Limits) -> LintReport {
    let mut report = LintReport::new(samples.len());
    let mut seen = HashSet::new();
    let mut answers: HashMap<String, usize> = HashMap::new();
    // An encoder whose end token is not the one that the template writes.
    let template_end = encoder.template().and_then(|template: &ChatTemplate| template.end_of_turn(encoder.tokenizer()));
    let wrong_end = template_end.is_some_and(|end| end != encoder.end_token());
    for sample in samples {
        let mut found = Vec::new();
        if seen.insert(identity(sample)) {
            let count = answers.entry(sample.prompt.key()).or_default();
            *count += 1;
            found.extend((*count == 2).then_some(LintKind::SharedPrompt));
        } else {
            found.push(LintKind::Duplicate);
        }
        match encoder.sequence(&sample.prompt, &sample.rejected, limits) {
            Ok((sequence, cut)) => encoded(sample, encoder, limits, (&sequence, cut), wrong_end, &mut found),
            Err(_) => found.push(LintKind::RefusedPrompt),
        }
        found.into_iter().for_each(|kind| report.add(kind, &sample.place));
    }
    report
}

fn encoded(
    sample: &NegativeSample,
    encoder: &Encoder,
    limits: &Limits,
    (sequence, cut): (&Sequence, bool),
    wrong_end: bool,
    found: &mut Vec<LintKind>,
) {
    let checks = [
        (LintKind::Empty, sample.rejected.trim().is_empty()),
        (LintKind::Truncated, cut),
        (LintKind::MissingEnd, wrong_end && !cut),
        (LintKind::LongPrompt, sequence.prompt_len > limits.max_prompt_tokens),
        (LintKind::BoundaryMerge, merges(sample, encoder, sequence.prompt())),
        (LintKind::SpecialToken, spells_special(sample, encoder)),
    ];
    found.extend(checks.into_iter().filter(|(_, odd)| *odd).map(|(kind, _)| kind));
}

/// Whether prompt and answer encoded together give other ids than encoded apart.
fn merges(sample: &NegativeSample, encoder: &Encoder, prompt: &[u32]) -> bool {
    let Ok(text) = encoder.prompt_text(&sample.prompt) else { return false };
    let together = encoder.tokenizer().encode(&(text + &sample.rejected));
    let answer = encoder.tokenizer().encode(&sample.rejected);
    together.strip_prefix(prompt) != Some(answer.as_slice())
}

/// Whether the row's own words contain a special token, such as one that ends a turn.
fn spells_special(sample: &NegativeSample, encoder: &Encoder) -> bool {
    let tokenizer = encoder.tokenizer();
    let special = |text: &str| tokenizer.encode(text) != tokenizer.encode_untrusted(text);
    special(&sample.rejected) || sample.prompt.messages().iter().any(|turn| special(&turn.content))
}
