//! Coordinates as text.

/// A coordinate with one digit, which is finer than a screen shows.
pub(super) fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
