//! Findings of the lint, as a table for people and as data.

use std::fmt;

use serde::Serialize;

use crate::sample::Place;

/// Places of a finding that are kept.
const EXAMPLES: usize = 3;

/// One kind of oddity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LintKind {
    /// A row that cannot be read; it is left out, and not counted among the rows looked at.
    LeftOut,
    /// The same prompt with the same answer as an earlier row.
    Duplicate,
    /// An answer without text.
    Empty,
    /// An answer cut to the limit; it loses its end token.
    Truncated,
    /// An answer that was not cut and yet does not end as the template ends one: the encoder's end token
    /// is another.
    MissingEnd,
    /// A prompt beyond the limit.
    LongPrompt,
    /// Prompt and answer encoded together give other ids than encoded apart. The model is then scored on
    /// a way of writing the text that it hardly ever produces by itself.
    BoundaryMerge,
    /// The row's own words spell out a special token, which the tokenizer takes for a real one.
    SpecialToken,
    /// A prompt that the chat template refuses or that has no tokens.
    RefusedPrompt,
    /// A prompt with different answers in several rows; counted once a prompt.
    SharedPrompt,
}

impl LintKind {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::LeftOut,
        Self::Duplicate,
        Self::Empty,
        Self::Truncated,
        Self::MissingEnd,
        Self::LongPrompt,
        Self::BoundaryMerge,
        Self::SpecialToken,
        Self::RefusedPrompt,
        Self::SharedPrompt,
    ];
}

impl fmt::Display for LintKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::LeftOut => "row left out, as it cannot be read",
            Self::Duplicate => "duplicate row",
            Self::Empty => "empty answer",
            Self::Truncated => "answer cut to the limit",
            Self::MissingEnd => "answer without the template's end token",
            Self::LongPrompt => "prompt beyond the limit",
            Self::BoundaryMerge => "prompt and answer merge into one token",
            Self::SpecialToken => "text that spells out a special token",
            Self::RefusedPrompt => "prompt that cannot be framed",
            Self::SharedPrompt => "prompt with several answers",
        })
    }
}

/// How many rows show one kind of oddity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: LintKind,
    /// Rows that show it.
    pub rows: usize,
    /// Where the first ones stand, `path:line`.
    pub places: Vec<String>,
}

/// All findings over a set of rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LintReport {
    /// Rows looked at.
    pub rows: usize,
    /// What was found, in the order of [`LintKind::ALL`]; kinds without rows are listed too.
    pub findings: Vec<Finding>,
}

impl Default for LintReport {
    /// The report on no rows.
    fn default() -> Self {
        let findings = LintKind::ALL.map(|kind| Finding { kind, rows: 0, places: Vec::new() });
        Self { rows: 0, findings: findings.into() }
    }
}

impl LintReport {
    /// Counts a row and what it shows.
    pub(super) fn add(&mut self, kinds: &[LintKind], place: &Place) {
        self.rows += 1;
        for finding in self.findings.iter_mut().filter(|finding| kinds.contains(&finding.kind)) {
            finding.rows += 1;
            if finding.places.len() < EXAMPLES {
                finding.places.push(place.to_string());
            }
        }
    }

    /// Notes rows that were left out before anybody could look at them, and where the first ones stand.
    pub(crate) fn leave_out(&mut self, rows: usize, places: Vec<String>) {
        for finding in self.findings.iter_mut().filter(|finding| finding.kind == LintKind::LeftOut) {
            finding.rows += rows;
            finding.places.extend(places.iter().cloned());
            finding.places.truncate(EXAMPLES);
        }
    }

    /// What was found, in one line: the rows of each kind that occurs, or `nothing odd`.
    pub fn summary(&self) -> String {
        let found = self.findings.iter().filter(|finding| finding.rows > 0);
        let parts: Vec<String> = found.map(|finding| format!("{} × {}", finding.rows, finding.kind)).collect();
        if parts.is_empty() { "nothing odd".to_owned() } else { parts.join(", ") }
    }

    /// Rows that show this oddity.
    pub fn count(&self, kind: LintKind) -> usize {
        self.findings.iter().find(|finding| finding.kind == kind).map_or(0, |finding| finding.rows)
    }
}

impl fmt::Display for LintReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:>7}  rows", self.rows)?;
        for finding in &self.findings {
            match finding.places.as_slice() {
                [] => writeln!(out, "{:>7}  {}", finding.rows, finding.kind)?,
                places => {
                    let more = if finding.rows > places.len() { ", …" } else { "" };
                    writeln!(out, "{:>7}  {:<40} {}{more}", finding.rows, finding.kind, places.join(", "))?;
                }
            }
        }
        Ok(())
    }
}
