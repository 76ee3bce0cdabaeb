//! Means over seeds with their intervals.

/// Half the width of a 95 % interval in standard errors, by degrees of freedom from 1 on (Student's t).
const T95: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/// A mean over seeds with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// Half the interval's width; 0 for a single seed.
    pub half: f64,
    /// Standard deviation over seeds.
    pub deviation: f64,
}

impl Spread {
    /// Of these values, at least one.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        if values.len() < 2 {
            return Self { mean, half: 0.0, deviation: 0.0 };
        }
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let t = T95[(values.len() - 2).min(T95.len() - 1)];
        Self { mean, half: t * deviation / n.sqrt(), deviation }
    }

    /// A change in percent; beyond tenfold no digit says anything.
    pub fn change(&self) -> String {
        if self.mean > 10.0 { "> 1000".to_owned() } else { self.percent() }
    }

    /// The same where more than `most` counts as `most`.
    pub fn capped(&self, most: f64) -> Self {
        if self.mean < most { *self } else { Self { mean: most, half: 0.0, deviation: 0.0 } }
    }

    /// As per cents with one decimal: `2.9 ± 0.4`.
    pub fn percent(&self) -> String {
        if self.mean.is_finite() {
            format!("{:.1} ± {}", 100.0 * self.mean, number(100.0 * self.half, 1))
        } else {
            MISSING.to_owned()
        }
    }
}

/// What stands where there is no number.
const MISSING: &str = "–";

/// A number with so many decimals, or a dash where it is none.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { MISSING.to_owned() }
}

/// The same with its sign and one decimal.
pub(crate) fn signed(value: f64) -> String {
    if value.is_finite() { format!("{value:+.1}") } else { MISSING.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        // Squared distances from the mean of 2 are 1, 0, 0, 0, 1: a deviation of sqrt(2 / 4); t of four degrees is 2.776.
        let spread = Spread::of(&[1.0, 2.0, 2.0, 2.0, 3.0]);
        assert!((spread.mean - 2.0).abs() < 1e-12);
        assert!((spread.deviation - 0.5f64.sqrt()).abs() < 1e-12);
        assert!((spread.half - 2.776 * 0.5f64.sqrt() / 5f64.sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[0.3]), Spread { mean: 0.3, half: 0.0, deviation: 0.0 });
        assert_eq!(Spread { mean: 0.029, half: 0.004, deviation: 0.0 }.percent(), "2.9 ± 0.4");
    }

    #[test]
    fn what_is_no_number_is_a_dash() {
        assert_eq!([number(0.0684, 3), number(f64::NAN, 3), number(101.6, 0)], ["0.068", "–", "102"]);
        assert_eq!([signed(0.04), signed(-6.81), signed(f64::NAN)], ["+0.0", "-6.8", "–"]);
        assert_eq!(Spread::of(&[f64::NAN, 0.5]).percent(), "–");
        assert_eq!(Spread::of(&[f64::NAN, 0.5]).change(), "–");
    }

    #[test]
    fn what_has_fallen_apart_is_not_told_to_the_last_digit() {
        let spread = |mean| Spread { mean, half: 0.01, deviation: 0.01 };
        assert_eq!([spread(-0.013).change(), spread(12.0).change()], ["-1.3 ± 1.0", "> 1000"]);
        assert_eq!(spread(0.1).capped(0.3), spread(0.1));
        assert_eq!(spread(12.0).capped(0.3), Spread { mean: 0.3, half: 0.0, deviation: 0.0 });
    }
}
