//! Curves over the steps of a run.

use std::fmt::Write;

use super::coordinate::coordinate;
use super::scale::{Scale, drawable, extent, label, ticks};
use crate::escape::escape;
use crate::number::{count, figure};

/// Points in a curve beyond which neighbours are averaged.
const MOST_POINTS: usize = 240;
/// Points from which on a moving mean is drawn over the raw curve.
const SMOOTHED_FROM: usize = 16;

/// One curve. A value that is not finite leaves a gap.
pub struct Series {
    /// What it shows, written at its end where there is more than one.
    pub label: &'static str,
    /// Class that gives it its colour.
    pub class: &'static str,
    /// Step and value, by rising step.
    pub points: Vec<(f64, f64)>,
}

/// A plot of one or more curves over the same steps.
pub struct Chart {
    /// What the plot shows, for those who cannot see it.
    pub title: &'static str,
    /// The curves.
    pub series: Vec<Series>,
    /// Values that the axis includes in any case.
    pub include: Vec<f64>,
    /// A dashed line with its meaning.
    pub baseline: Option<(f64, String)>,
    /// What the horizontal axis counts, in the singular, for those who point at a dot.
    pub along: &'static str,
    /// Width and height in pixels.
    pub size: (f64, f64),
}

/// Where the plot lies inside the picture.
struct Frame {
    x: Scale,
    y: Scale,
    left: f64,
    right: f64,
    bottom: f64,
}

impl Chart {
    /// The plot as SVG, or `None` if no value can be drawn. Its classes are coloured by the page around it.
    #[must_use]
    pub fn render(&self) -> Option<String> {
        let (width, height) = self.size;
        let points = || self.series.iter().flat_map(|series| &series.points);
        let drawn = points().filter(|(_, y)| drawable(*y));
        let baseline = self.baseline.iter().map(|(value, _)| *value);
        let values = extent(drawn.clone().map(|(_, y)| *y))?;
        let values = extent([values.0, values.1].into_iter().chain(self.include.iter().copied()).chain(baseline))?;
        let steps = extent(points().map(|(x, _)| *x))?;
        let (y_ticks, y_domain) = ticks(values, if height > 220.0 { 5 } else { 3 }, false);
        let (x_ticks, _) = ticks(steps, if width > 500.0 { 10 } else { 4 }, true);
        let named = self.series.len() > 1;
        let (left, right) = (46.0, width - if named { 104.0 } else { 12.0 });
        let bottom = height - 24.0;
        let frame =
            Frame { x: Scale::new(steps, left, right), y: Scale::new(y_domain, bottom, 10.0), left, right, bottom };
        let mut svg = format!(
            r#"<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{}">"#,
            escape(self.title)
        );
        frame.axes(&mut svg, &x_ticks, &y_ticks);
        if let Some((value, meaning)) = &self.baseline {
            frame.baseline(&mut svg, *value, meaning);
        }
        for series in &self.series {
            series.draw(&mut svg, &frame, self.along);
        }
        if named {
            self.name_curves(&mut svg, &frame);
        }
        svg.push_str("</svg>");
        Some(svg)
    }

    /// Writes each curve's label and last value beside its end, without overlap.
    fn name_curves(&self, svg: &mut String, frame: &Frame) {
        let mut ends: Vec<(f64, &Series, f64)> = self
            .series
            .iter()
            .filter_map(|series| {
                let (_, last) = series.points.iter().rev().find(|(_, y)| drawable(*y))?;
                Some((frame.y.at(*last), series, *last))
            })
            .collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = 8.0;
        let mut places: Vec<f64> = Vec::new();
        for (place, ..) in &ends {
            free = f64::max(free + 30.0, *place);
            places.push(free);
        }
        // What was pushed below the plot moves up again, and pushes up what is above it.
        let mut lowest = frame.bottom - 4.0;
        for place in places.iter_mut().rev() {
            *place = place.min(lowest);
            lowest = *place - 30.0;
        }
        for ((_, series, last), place) in ends.iter().zip(places) {
            let (x, y) = (coordinate(frame.right + 10.0), coordinate(place));
            let _ = write!(
                svg,
                r#"<text class="name {}" x="{x}" y="{y}">{}<tspan class="value" x="{x}" dy="14">{}</tspan></text>"#,
                series.class,
                escape(series.label),
                figure(*last)
            );
        }
    }
}

impl Frame {
    fn axes(&self, svg: &mut String, x_ticks: &[f64], y_ticks: &[f64]) {
        let (left, right) = (coordinate(self.left), coordinate(self.right));
        for &tick in y_ticks {
            let y = coordinate(self.y.at(tick));
            let class = if tick == 0.0 { "zero" } else { "grid" };
            let _ = write!(
                svg,
                r#"<line class="{class}" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/><text class="tick" x="{}" y="{y}" dy="4" text-anchor="end">{}</text>"#,
                coordinate(self.left - 8.0),
                label(tick, y_ticks)
            );
        }
        let inside = |tick: &&f64| (self.x.low - 1e-9..=self.x.high + 1e-9).contains(*tick);
        for tick in x_ticks.iter().filter(inside) {
            let _ = write!(
                svg,
                r#"<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>"#,
                coordinate(self.x.at(*tick)),
                coordinate(self.bottom + 18.0),
                label(*tick, x_ticks)
            );
        }
    }

    fn baseline(&self, svg: &mut String, value: f64, meaning: &str) {
        let y = self.y.at(value);
        // The meaning stands above the line unless there is no room.
        let text = if y < 24.0 { y + 13.0 } else { y - 5.0 };
        let _ = write!(
            svg,
            r#"<line class="baseline" x1="{}" x2="{}" y1="{y}" y2="{y}"/><text class="tick" x="{}" y="{}" text-anchor="end">{}</text>"#,
            coordinate(self.left),
            coordinate(self.right),
            coordinate(self.right),
            coordinate(text),
            escape(meaning),
            y = coordinate(y),
        );
    }
}

impl Series {
    fn draw(&self, svg: &mut String, frame: &Frame, along: &str) {
        let points = thinned(&self.points);
        let smooth = points.len() >= SMOOTHED_FROM;
        let raw = if smooth { "raw" } else { "curve" };
        self.path(svg, frame, &points, raw);
        if smooth {
            self.path(svg, frame, &moving_mean(&points), "curve");
        }
        for &(x, y) in points.iter().filter(|(_, y)| drawable(*y)) {
            let _ = write!(
                svg,
                r#"<circle class="dot {}" cx="{}" cy="{}" r="5"><title>{along} {}: {}</title></circle>"#,
                self.class,
                coordinate(frame.x.at(x)),
                coordinate(frame.y.at(y)),
                if x.fract() == 0.0 { count(x as u64) } else { figure(x) },
                figure(y)
            );
        }
    }

    /// A line for each run of drawable points, a disc for a point alone.
    fn path(&self, svg: &mut String, frame: &Frame, points: &[(f64, f64)], kind: &str) {
        for run in points.split(|(_, y)| !drawable(*y)).filter(|run| !run.is_empty()) {
            let place = |&(x, y): &(f64, f64)| format!("{} {}", coordinate(frame.x.at(x)), coordinate(frame.y.at(y)));
            if let [(x, y)] = run {
                let (cx, cy) = (coordinate(frame.x.at(*x)), coordinate(frame.y.at(*y)));
                let _ = write!(svg, r#"<circle class="point {}" cx="{cx}" cy="{cy}" r="3"/>"#, self.class);
                continue;
            }
            let places: Vec<String> = run.iter().map(place).collect();
            let _ = write!(svg, r#"<path class="{kind} {}" d="M{}"/>"#, self.class, places.join("L"));
        }
    }
}

/// How many values a point of a curve of `count` values stands for, and whether it is smoothed.
pub(crate) fn reading(count: usize) -> (usize, bool) {
    let each = count.div_ceil(MOST_POINTS).max(1);
    (each, count.div_ceil(each) >= SMOOTHED_FROM)
}

/// At most [`MOST_POINTS`] points, each the mean of as many neighbours; a gap among them stays one.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (size, _) = reading(points.len());
    let mean = |values: &mut dyn Iterator<Item = f64>, count: usize| values.map(|value| value / count as f64).sum();
    points
        .chunks(size)
        .map(|chunk| {
            let x: f64 = mean(&mut chunk.iter().map(|(x, _)| *x), chunk.len());
            (x, mean(&mut chunk.iter().map(|(_, y)| *y), chunk.len()))
        })
        .collect()
}

/// The mean of each point and its neighbours up to a twelfth of the curve away; never across a gap.
fn moving_mean(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let reach = (points.len() / 24).max(1);
    let mean = |index: usize| {
        let joined = |range: &mut dyn Iterator<Item = usize>| -> Vec<f64> {
            range.map(|near| points[near].1).take(reach).take_while(|y| drawable(*y)).collect()
        };
        let before = joined(&mut (0..index).rev());
        let after = joined(&mut (index + 1..points.len()));
        // As many on either side, so that a trend is not bent at the ends.
        let sides = before.len().min(after.len());
        let sum: f64 = before[..sides].iter().chain(&after[..sides]).sum();
        (sum + points[index].1) / (2 * sides + 1) as f64
    };
    points.iter().enumerate().map(|(index, &(x, _))| (x, mean(index))).collect()
}

#[cfg(test)]
mod tests;
