//! Means with their intervals as SVG, one line for each cell.

use std::fmt::Write;

use super::outcome::{Outcome, Spread};

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
