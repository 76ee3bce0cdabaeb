//! Curves and intervals as SVG, drawn here so that a report needs no library and no script.

mod bins;
mod lines;
mod range;
mod scale;

pub(super) use bins::Bins;
pub(super) use lines::reading;
pub(crate) use lines::{Chart, Series};
pub(super) use range::Strip;

/// A coordinate with one digit, which is finer than a screen shows.
fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
