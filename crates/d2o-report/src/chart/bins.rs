//! Two distributions of lengths on one axis.

use std::fmt::Write;

use super::coordinate::coordinate;
use super::scale::{Scale, label, ticks};

/// Histograms of two kinds of lengths, each as shares of its own kind.
pub(crate) struct Bins<'a> {
    /// Drawn upwards.
    pub(crate) upper: &'a [usize],
    /// Drawn downwards.
    pub(crate) lower: &'a [usize],
    /// Classes that colour them.
    pub(crate) classes: (&'static str, &'static str),
    /// Width and height in pixels.
    pub(crate) size: (f64, f64),
}

impl Bins<'_> {
    /// The picture as SVG, or nothing without lengths.
    pub(crate) fn render(&self) -> String {
        let Some(longest) = self.upper.iter().chain(self.lower).max() else {
            return String::new();
        };
        let (width, height) = self.size;
        let (marks, domain) = ticks((0.0, (*longest).max(1) as f64), 6, true);
        let x = Scale::new(domain, 4.0, width - 16.0);
        let (upper, lower) = (shares(self.upper, domain.1), shares(self.lower, domain.1));
        let tallest = upper.iter().chain(&lower).copied().fold(0.0, f64::max);
        let middle = (height - 20.0) / 2.0;
        let mut svg =
            format!(r#"<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="lengths in tokens">"#);
        for (bins, class, up) in [(&upper, self.classes.0, true), (&lower, self.classes.1, false)] {
            let wide = (x.at(domain.1) - x.at(0.0)) / bins.len() as f64;
            for (index, share) in bins.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                let tall = share / tallest * (middle - 4.0);
                let y = if up { middle - 0.5 - tall } else { middle + 0.5 };
                let _ = write!(
                    svg,
                    r#"<rect class="bin {class}" x="{}" y="{}" width="{}" height="{}"/>"#,
                    coordinate(x.at(0.0) + index as f64 * wide),
                    coordinate(y),
                    coordinate((wide - 1.0).max(0.5)),
                    coordinate(tall)
                );
            }
        }
        for &mark in &marks {
            let (place, floor) = (coordinate(x.at(mark)), coordinate(height - 4.0));
            let _ = write!(
                svg,
                r#"<text class="tick" x="{place}" y="{floor}" text-anchor="middle">{}</text>"#,
                label(mark, &marks)
            );
        }
        svg.push_str("</svg>");
        svg
    }
}

/// The share of the lengths that falls into each of 32 equal bins of `0..=end`.
fn shares(lengths: &[usize], end: f64) -> [f64; 32] {
    let mut shares = [0.0; 32];
    for &length in lengths {
        let bin = (length as f64 / end * 32.0) as usize;
        shares[bin.min(31)] += 1.0 / lengths.len() as f64;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_falls_into_its_bin() {
        // Bins of one: 0, 31 and, at the very end, 32.
        let shares = shares(&[0, 31, 32, 32], 32.0);
        assert_eq!((shares[0], shares[31]), (0.25, 0.75));
    }

    #[test]
    fn both_kinds_are_drawn_each_on_its_side() {
        let bins = Bins { upper: &[3, 3, 40], lower: &[40], classes: ("anchor", "rejected"), size: (300.0, 100.0) };
        let svg = bins.render();
        assert_eq!(svg.matches(r#"class="bin anchor""#).count(), 2);
        assert_eq!(svg.matches(r#"class="bin rejected""#).count(), 1);
    }

    #[test]
    fn no_lengths_is_no_picture_and_zero_is_a_length() {
        let none = Bins { upper: &[], lower: &[], classes: ("a", "b"), size: (300.0, 100.0) };
        assert_eq!(none.render(), "");
        let zero = Bins { upper: &[0], ..none };
        assert!(!zero.render().contains("NaN"));
    }
}
