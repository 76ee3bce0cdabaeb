//! What is odd about a set of rows, before anything is trained on it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use crate::encode::{Encoder, Limits};
use crate::sample::NegativeSample;

/// Places of a finding that are listed.
const EXAMPLES: usize = 3;

/// One kind of oddity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: &'static str,
    /// Rows that show it.
    pub rows: usize,
    /// Where the first ones stand, `file:line`.
    pub places: Vec<String>,
}

/// All findings over a set of rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LintReport {
    /// Rows looked at.
    pub rows: usize,
    /// What was found, in a fixed order; kinds without rows are listed too.
    pub findings: Vec<Finding>,
}

impl LintReport {
    /// Rows that show this oddity.
    pub fn count(&self, what: &str) -> usize {
        self.findings.iter().find(|finding| finding.what == what).map_or(0, |finding| finding.rows)
    }
}

/// Looks for duplicates, empty and cut answers, long prompts, merging boundaries and prompts with several answers.
///
/// A boundary merges when prompt and response encoded together give other ids than encoded apart: the
/// model would then be scored on a split of the text that it never produces by itself.
pub fn lint(samples: &[NegativeSample], encoder: &Encoder, limits: &Limits) -> LintReport {
    let mut seen = HashSet::new();
    let mut prompts: HashMap<String, usize> = HashMap::new();
    let kinds = [
        "duplicate row",
        "empty answer",
        "answer cut to the limit (no end token)",
        "prompt beyond the limit",
        "prompt and answer merge into one token",
        "prompt that the template refuses",
        "prompt with several answers",
    ];
    let mut findings: Vec<Finding> = kinds.iter().map(|&what| Finding { what, rows: 0, places: Vec::new() }).collect();
    for sample in samples {
        let mut found = [false; 7];
        let key = sample.prompt.key();
        found[0] = !seen.insert((key.clone(), sample.rejected.trim().to_owned()));
        found[1] = sample.rejected.trim().is_empty();
        match encoder.sequence(&sample.prompt, &sample.rejected, limits) {
            Ok((sequence, cut)) => {
                found[2] = cut;
                found[3] = sequence.prompt_len > limits.max_prompt_tokens;
                found[4] = merges(sample, encoder, sequence.prompt());
            }
            Err(_) => found[5] = true,
        }
        let answers = prompts.entry(key).or_default();
        *answers += 1;
        found[6] = *answers == 2;
        for (finding, _) in findings.iter_mut().zip(found).filter(|(_, found)| *found) {
            finding.rows += 1;
            if finding.places.len() < EXAMPLES {
                finding.places.push(format!("{}:{}", sample.place.path.display(), sample.place.line));
            }
        }
    }
    LintReport { rows: samples.len(), findings }
}

fn merges(sample: &NegativeSample, encoder: &Encoder, prompt: &[u32]) -> bool {
    let Ok(text) = encoder.prompt_text(&sample.prompt) else { return false };
    let together = encoder.tokenizer().encode(&format!("{text}{}", sample.rejected));
    !together.starts_with(prompt)
}

impl fmt::Display for LintReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} rows", self.rows)?;
        for finding in &self.findings {
            write!(out, "{:>8}  {}", finding.rows, finding.what)?;
            if !finding.places.is_empty() {
                write!(out, "  ({})", finding.places.join(", "))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
