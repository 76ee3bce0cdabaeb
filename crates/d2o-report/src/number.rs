//! Numbers as people read them: three significant figures, a true minus sign.

/// `value` with about three significant figures.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        0.0 => "0".to_owned(),
        _ if size < 0.0005 => exponent(value),
        _ if size < 0.9995 => fixed(value, 3),
        _ if size < 9.995 => fixed(value, 2),
        _ if size < 99.95 => fixed(value, 1),
        _ => grouped(value),
    }
}

/// `value` with its sign, as [`figure`].
pub fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", figure(value)) } else { figure(value) }
}

/// `share` of one, in per cent.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{} %", fixed(100.0 * share, 1)) } else { "–".to_owned() }
}

/// `value` with `decimals` digits behind the point; never a negative zero.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// A count with a narrow space before each three digits.
pub fn count(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A count in millions or billions where it is that large.
pub fn large(value: u64) -> String {
    match value {
        0..1_000_000 => count(value),
        1_000_000..1_000_000_000 => format!("{} M", figure(value as f64 / 1e6)),
        _ => format!("{} B", figure(value as f64 / 1e9)),
    }
}

/// `3 steps`, `1 step`.
pub fn counted(value: usize, singular: &str, plural: &str) -> String {
    format!("{} {}", count(value as u64), if value == 1 { singular } else { plural })
}

/// Seconds in the two units that matter, such as `2 min 05 s`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

fn grouped(value: f64) -> String {
    if value.abs() >= 1e15 {
        return exponent(value);
    }
    let digits = count(value.abs().round() as u64);
    if value < 0.0 { format!("−{digits}") } else { digits }
}

fn exponent(value: f64) -> String {
    let text = format!("{value:.2e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    format!("{mantissa}e{power}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_figures_at_each_size() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (0.5234, "0.523"),
            (0.9999, "1.00"),
            (6.128, "6.13"),
            (-38.61, "−38.6"),
            (1234.6, "1\u{202f}235"),
            (5e-5, "5e−5"),
            (-1.5e-7, "−1.5e−7"),
            (1e300, "1e300"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "–"),
        ];
        for (value, expected) in cases {
            assert_eq!(figure(value), expected, "{value}");
        }
    }

    #[test]
    fn no_negative_zero() {
        assert_eq!(fixed(-0.0004, 3), "0.000");
        assert_eq!(percent(-0.0001), "0.0 %");
    }

    #[test]
    fn durations_change_units_at_their_borders() {
        let cases = [
            (0.04, "0.0 s"),
            (9.94, "9.9 s"),
            (9.96, "10 s"),
            (59.6, "1 min 00 s"),
            (125.0, "2 min 05 s"),
            (3600.0, "1 h 00 min"),
            (5430.0, "1 h 30 min"),
            (f64::NAN, "unknown"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7_u64), "7");
        assert_eq!(count(1_000_u64), "1\u{202f}000");
        assert_eq!(count(1_234_567_u64), "1\u{202f}234\u{202f}567");
        assert_eq!(large(134_515_008), "135 M");
        assert_eq!(counted(1, "step", "steps"), "1 step");
    }
}
