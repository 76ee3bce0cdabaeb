//! Rows as they were understood, so that one sees before training whether a file was read as it was meant.

use std::fmt;
use std::io::Write;
use std::path::Path;

use d2o_data::Reading;

/// Characters of a text that are shown.
const SHOWN: usize = 160;

/// How files were read: rows of each shape, the first rejected answers, and what was wrong with rows left out.
pub struct Understood<'r>(pub &'r Reading);

impl fmt::Display for Understood<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(reading) = self;
        let shapes = reading.shapes.iter().map(|(shape, rows)| format!("{rows} × {}", shape.name()));
        let shapes = shapes.collect::<Vec<_>>().join(", ");
        writeln!(out, "{} rows read: {shapes}", reading.rows)?;
        let counts = [("without a rejected answer", reading.without_rejected), ("left out", reading.left_out)];
        for (what, rows) in counts.into_iter().filter(|&(_, rows)| rows > 0) {
            writeln!(out, "{rows} of them {what}")?;
        }
        for (shape, sample) in &reading.examples {
            writeln!(out, "{}: {}", shown(&sample.place.to_string()), shape.name())?;
            writeln!(out, "    prompt    {}", shown(&sample.prompt.text()))?;
            writeln!(out, "    rejected  {}", shown(&sample.rejected))?;
        }
        for reason in &reading.reasons {
            writeln!(out, "left out: {}", shown(&reason.to_string()))?;
        }
        Ok(())
    }
}

/// A text on one line: line breaks as arrows, nothing that steers the terminal, cut where it is long.
fn shown(text: &str) -> String {
    let text = text.trim().replace("\r\n", "\n").replace('\n', " ⏎ ");
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Says on standard error how far the reading of a long file has come.
pub fn tell_reading(path: &Path, rows: usize, rejected: usize) {
    let path = shown(&path.display().to_string());
    // Nobody is left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "reading {path}: {rows} rows, {rejected} rejected answers");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line_and_cannot_steer_the_terminal() {
        assert_eq!(shown("a\r\nb\u{1b}[2J"), "a ⏎ b [2J");
        assert_eq!(shown(&"é".repeat(161)), format!("{}…", "é".repeat(160)));
    }
}
