//! From values to coordinates, with ticks at round numbers.

use crate::number::{figure, fixed};

/// Values beyond this are not drawn: differences of larger ones overflow.
const LARGEST: f64 = 1e300;

/// Whether a value has a place on an axis.
pub(super) fn drawable(value: f64) -> bool {
    value.is_finite() && value.abs() <= LARGEST
}

/// A linear map from values to coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// The scale that sends `low` to coordinate `from` and `high` to `to`.
    pub(super) fn new((low, high): (f64, f64), from: f64, to: f64) -> Self {
        Self { low, high, from, to }
    }

    /// The coordinate of `value`.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// The coordinate of `value`, or of the end of the axis that it lies beyond.
    pub(super) fn within(&self, value: f64) -> f64 {
        self.at(value.clamp(self.low, self.high))
    }
}

/// Least and largest of the drawable values, held apart if they coincide; `None` without any.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .into_iter()
        .filter(|&value| drawable(value))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return None;
    }
    // What lies closer together than rounding noise is one value.
    let size = low.abs().max(high.abs());
    if high - low > size * 1e-9 {
        return Some((low, high));
    }
    let margin = if size == 0.0 { 1.0 } else { size / 2.0 };
    Some((low - margin, high + margin))
}

/// About `wanted` round numbers, and the interval widened to the outermost of them.
pub(super) fn ticks((low, high): (f64, f64), wanted: usize, whole: bool) -> (Vec<f64>, (f64, f64)) {
    let mut step = round_step((high - low) / wanted.max(1) as f64);
    if whole {
        step = step.max(1.0).round();
    }
    let first = (low / step + 1e-9).floor();
    let last = (high / step - 1e-9).ceil().max(first + 1.0);
    let count = (last - first) as usize;
    let ticks: Vec<f64> = (0..=count).map(|index| (first + index as f64) * step + 0.0).collect();
    (ticks, (first * step, last * step))
}

/// The next larger of 1, 2, 5 times a power of ten.
fn round_step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| raw <= factor * power * (1.0 + 1e-9));
    factor.unwrap_or(10.0) * power
}

/// The label of a tick: as many decimals as tell it from its neighbours.
pub(super) fn label(tick: f64, ticks: &[f64]) -> String {
    let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    if tick.abs() < step * 1e-6 {
        return "0".to_owned();
    }
    let decimals = (-(step * (1.0 + 1e-9)).log10().floor()).max(0.0) as usize;
    if decimals > 3 || tick.abs() >= 1e5 { figure(tick) } else { fixed(tick, decimals) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(interval: (f64, f64), wanted: usize, whole: bool) -> Vec<String> {
        let (ticks, _) = ticks(interval, wanted, whole);
        ticks.iter().map(|&tick| label(tick, &ticks)).collect()
    }

    #[test]
    fn ticks_are_round_and_enclose() {
        assert_eq!(labels((0.0, 1.0), 4, false), ["0.0", "0.5", "1.0"].map(|l| if l == "0.0" { "0" } else { l }));
        assert_eq!(labels((-38.6, 2.1), 4, false), ["−40", "−20", "0", "20"]);
        assert_eq!(labels((0.61, 0.69), 4, false), ["0.60", "0.62", "0.64", "0.66", "0.68", "0.70"]);
        assert_eq!(labels((0.0, 5e-5), 4, false), ["0", "2e−5", "4e−5", "6e−5"]);
    }

    #[test]
    fn steps_are_counted_in_whole_numbers() {
        assert_eq!(labels((1.0, 3.0), 6, true), ["1", "2", "3"]);
        assert_eq!(labels((0.0, 30.0), 6, true), ["0", "5", "10", "15", "20", "25", "30"]);
    }

    #[test]
    fn a_constant_series_gets_room_on_both_sides() {
        assert_eq!(extent([4.0, 4.0]), Some((2.0, 6.0)));
        assert_eq!(extent([0.0]), Some((-1.0, 1.0)));
        assert_eq!(extent([-3.0]), Some((-4.5, -1.5)));
    }

    #[test]
    fn what_is_not_a_number_has_no_extent() {
        assert_eq!(extent([f64::NAN, f64::INFINITY, f64::MAX]), None);
        assert_eq!(extent([f64::NAN, 1.0, 2.0, f64::NEG_INFINITY]), Some((1.0, 2.0)));
    }

    #[test]
    fn the_ends_of_the_interval_meet_the_ends_of_the_axis() {
        let scale = Scale::new((-1.0, 3.0), 100.0, 0.0);
        assert_eq!((scale.at(-1.0), scale.at(1.0), scale.at(3.0)), (100.0, 50.0, 0.0));
        assert_eq!(scale.within(9.0), 0.0);
    }

    #[test]
    fn extreme_but_drawable_values_have_finite_coordinates() {
        let interval = extent([-LARGEST, LARGEST]).unwrap();
        let (ticks, domain) = ticks(interval, 4, false);
        let scale = Scale::new(domain, 0.0, 100.0);
        assert!(ticks.iter().all(|&tick| scale.at(tick).is_finite()));
        assert!(ticks.len() <= 11, "{}", ticks.len());
    }
}
