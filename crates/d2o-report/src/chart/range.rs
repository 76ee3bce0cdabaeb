//! Two intervals on one axis: before and after.

use std::fmt::Write;

use d2o_record::Estimate;

use super::coordinate::coordinate;
use super::scale::{Scale, extent};

/// A strip that shows where two means lie, with their intervals.
pub(crate) struct Strip<'a> {
    /// The figure before training.
    pub(crate) before: Option<&'a Estimate>,
    /// The figure after training.
    pub(crate) after: Option<&'a Estimate>,
    /// The axis, if it is given by the kind of figure.
    pub(crate) domain: Option<(f64, f64)>,
    /// A level to compare with, such as the judge's on benign answers.
    pub(crate) reference: Option<f64>,
    /// Width in pixels.
    pub(crate) width: f64,
}

const HEIGHT: f64 = 26.0;

impl Strip<'_> {
    /// The strip as SVG, or nothing if no figure is finite.
    pub(crate) fn render(&self) -> String {
        let estimates = [self.before, self.after];
        let ends = estimates.iter().flatten().flat_map(|estimate| [estimate.low, estimate.mean, estimate.high]);
        let Some(found) = extent(ends.chain(self.reference)) else {
            return String::new();
        };
        let scale = Scale::new(self.domain.unwrap_or(found), 5.0, self.width - 5.0);
        let width = self.width;
        let mut svg = format!(
            r#"<svg class="strip" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" aria-hidden="true">"#
        );
        let (left, right, middle) = (coordinate(5.0), coordinate(width - 5.0), HEIGHT / 2.0);
        let _ = write!(svg, r#"<line class="axis" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>"#);
        if let Some(level) = self.reference {
            let x = coordinate(scale.within(level));
            let _ = write!(svg, r#"<line class="baseline" x1="{x}" x2="{x}" y1="1" y2="25"/>"#);
        }
        for (estimate, class, y) in [(self.before, "before", 8.0), (self.after, "after", 18.0)] {
            if let Some(estimate) = estimate.filter(|estimate| estimate.mean.is_finite()) {
                interval(&mut svg, &scale, estimate, class, y);
            }
        }
        svg.push_str("</svg>");
        svg
    }
}

fn interval(svg: &mut String, scale: &Scale, estimate: &Estimate, class: &str, y: f64) {
    let place = |value: f64| coordinate(scale.within(value));
    if estimate.low.is_finite() && estimate.high.is_finite() {
        let _ = write!(
            svg,
            r#"<line class="interval {class}" x1="{}" x2="{}" y1="{y}" y2="{y}"/>"#,
            place(estimate.low),
            place(estimate.high)
        );
    }
    let _ = write!(svg, r#"<circle class="mean {class}" cx="{}" cy="{y}" r="4"/>"#, place(estimate.mean));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::estimate;

    fn strip<'a>(before: &'a Estimate, after: &'a Estimate) -> Strip<'a> {
        Strip {
            before: Some(before),
            after: Some(after),
            domain: Some((0.0, 1.0)),
            reference: Some(0.28),
            width: 110.0,
        }
    }

    #[test]
    fn means_lie_where_the_axis_says() {
        let (before, after) = (estimate(0.5, 0.4, 0.6, 100), estimate(0.25, 0.2, 0.3, 100));
        let svg = strip(&before, &after).render();
        // The axis runs from 5 to 105, so 0.5 is at 55, 0.25 at 30 and the level 0.28 at 33.
        assert!(svg.contains(r#"class="mean before" cx="55""#), "{svg}");
        assert!(svg.contains(r#"class="mean after" cx="30""#), "{svg}");
        assert!(svg.contains(r#"class="baseline" x1="33""#), "{svg}");
    }

    #[test]
    fn intervals_stay_on_the_axis() {
        let wide = estimate(0.5, -3.0, 7.0, 2);
        assert!(strip(&wide, &wide).render().contains(r#"x1="5" x2="105" y1="8""#));
    }

    #[test]
    fn what_is_not_finite_is_not_drawn() {
        let none = estimate(f64::NAN, f64::NAN, f64::NAN, 0);
        let svg = Strip { before: Some(&none), after: None, domain: None, reference: None, width: 90.0 }.render();
        assert_eq!(svg, "");
        assert!(!strip(&none, &estimate(0.5, 0.4, 0.6, 9)).render().contains("NaN"));
    }
}
