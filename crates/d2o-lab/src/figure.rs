//! Pictures that stand alone: means with their intervals, one line for each cell, and curves.

use std::fmt::Write;

use crate::outcome::Outcome;
use crate::spread::Spread;
use d2o_report::chart::{Chart, Series};
use d2o_report::escape::escape;

const ROW: f64 = 20.0;
const LEFT: f64 = 150.0;
const WIDTH: f64 = 420.0;
const TOP: f64 = 26.0;

/// One figure: dots at the means and bars over the intervals, from 0 to the largest value; `target` is a dashed line.
pub(super) fn dots(title: &str, outcomes: &[Outcome], of: fn(&Outcome) -> Spread, target: Option<f64>) -> String {
    let spreads: Vec<Spread> = outcomes.iter().map(of).collect();
    let reach = |bound: fn(f64, f64) -> f64, start: f64, sign: f64| {
        spreads.iter().map(|spread| spread.mean + sign * spread.half).filter(|v| v.is_finite()).fold(start, bound)
    };
    let (low, high) = (reach(f64::min, 0.0, -1.0), reach(f64::max, target.unwrap_or(0.0).max(0.01), 1.0));
    let x = |value: f64| LEFT + (value.clamp(low, high) - low) / (high - low) * WIDTH;
    let bottom = TOP + ROW * outcomes.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" font-family=\"sans-serif\" font-size=\"11\">\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/><text x=\"4\" y=\"15\" font-weight=\"bold\">{title}</text>",
        LEFT + WIDTH + 60.0,
        bottom + 22.0
    );
    for (value, dash) in [(Some(0.0), ""), (target, " stroke-dasharray=\"4 3\"")] {
        if let Some(value) = value {
            let at = x(value);
            let _ = write!(svg, "<path d=\"M{at:.1} {TOP}V{bottom:.1}\" stroke=\"#999\"{dash}/>");
        }
    }
    for (index, (outcome, spread)) in outcomes.iter().zip(&spreads).enumerate() {
        let y = TOP + ROW * (index as f64 + 0.5);
        let (from, to, mean) = (x(spread.mean - spread.half), x(spread.mean + spread.half), x(spread.mean));
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <path d=\"M{from:.1} {y:.1}H{to:.1}\" stroke=\"#1b6ca8\" stroke-width=\"2\"/>\
             <circle cx=\"{mean:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"#1b6ca8\"/>",
            LEFT - 8.0,
            y + 4.0,
            outcome.cell.name
        );
    }
    let _ = write!(svg, "<text x=\"{LEFT:.0}\" y=\"{:.1}\">{low:.2}</text>", bottom + 14.0);
    let _ = writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{high:.2}</text></svg>",
        LEFT + WIDTH,
        bottom + 14.0
    );
    svg
}

/// Colours of curves, by place.
const CLASSES: [&str; 8] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];

/// What the report's page says in its style sheet, for a picture that stands alone.
const STYLE: &str = "text{font-family:sans-serif}.grid{stroke:#e6e3dd}.zero{stroke:#8b929c}.tick{fill:#5d6570;font-size:11.5px}\
.curve{fill:none;stroke:currentColor;stroke-width:2.2}.raw{fill:none;stroke:currentColor;opacity:.35}.point{fill:currentColor}\
.dot{fill:currentColor;opacity:.45}.name{fill:currentColor;font-size:13px;font-weight:600}.value{font-weight:400}\
.baseline{stroke:#8b929c;stroke-dasharray:3 3}.head{font-size:13px;font-weight:600}\
.c0{color:#0c7f78}.c1{color:#b9512b}.c2{color:#3d5a8a}.c3{color:#8a6d1f}.c4{color:#7a3d8a}.c5{color:#5d6570}.c6{color:#2f8a3d}\
.c7{color:#c2306b}.main{color:#3d5a8a}";

/// A curve: its name and its points.
pub(super) type Curve = (&'static str, Vec<(f64, f64)>);

/// Curves over `along` as a picture that stands alone; nothing where no value can be drawn.
///
/// `baseline` is a level to compare with, and what it means.
pub(super) fn curves(
    title: &'static str,
    along: &'static str,
    curves: Vec<Curve>,
    baseline: Option<(f64, String)>,
) -> Option<String> {
    const SIZE: (f64, f64) = (760.0, 320.0);
    let series = curves.into_iter().zip(CLASSES.into_iter().cycle());
    let series = series.map(|((label, points), class)| Series { label, class, points }).collect();
    let chart = Chart { title, series, include: vec![0.0], baseline, along, size: SIZE };
    let drawn = chart.render()?;
    let (_, inside) = drawn.split_once('>')?;
    let (width, height) = SIZE;
    // The longest names of methods reach beyond the chart's own margin.
    let beyond = 24.0;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 -30 {} {}\" role=\"img\">\
         <style>{STYLE}</style><rect y=\"-30\" width=\"100%\" height=\"100%\" fill=\"white\"/>\
         <text class=\"head\" x=\"4\" y=\"-12\">{}</text>\
         <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{along}</text>{inside}\n",
        width + beyond,
        height + 46.0,
        escape(title),
        width - 110.0,
        height + 12.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_stand_alone() {
        let points = vec![(0.0, 0.5), (8.0, 0.25)];
        let drawn = curves("harm & co", "update", vec![("d2o", points.clone()), ("dpo", points)], None).unwrap();
        assert!(drawn.starts_with("<svg xmlns=") && drawn.trim_end().ends_with("</svg>"));
        assert_eq!(drawn.matches("<svg").count(), 1);
        assert!(drawn.contains("class=\"curve c0\"") && drawn.contains("class=\"curve c1\""), "{drawn}");
        assert!(drawn.contains("update 8: 0.250") && drawn.contains("harm &amp; co"));
        assert_eq!(curves("none", "update", vec![("d2o", vec![])], None), None);
    }
}
