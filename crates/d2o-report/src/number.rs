//! Numbers as people read them: three significant figures, a true minus sign.

/// `value` with about three significant figures.
pub(super) fn figure(value: f64) -> String {
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
pub(super) fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", figure(value)) } else { figure(value) }
}

/// `share` of one, in per cent.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{} %", fixed(100.0 * share, 1)) } else { "–".to_owned() }
}

/// `value` with `decimals` digits behind the point; never a negative zero.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// A count with a narrow space before each three digits.
pub(super) fn count(value: impl TryInto<u64>) -> String {
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
pub(super) fn large(value: u64) -> String {
    match value {
        0..1_000_000 => count(value),
        1_000_000..1_000_000_000 => format!("{} M", figure(value as f64 / 1e6)),
        _ => format!("{} B", figure(value as f64 / 1e9)),
    }
}

/// `3 steps`, `1 step`.
pub(super) fn counted(value: usize, singular: &str, plural: &str) -> String {
    format!("{} {}", count(value as u64), if value == 1 { singular } else { plural })
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
    fn counts_are_grouped() {
        assert_eq!(count(7_u64), "7");
        assert_eq!(count(1_000_u64), "1\u{202f}000");
        assert_eq!(count(1_234_567_u64), "1\u{202f}234\u{202f}567");
        assert_eq!(large(134_515_008), "135 M");
        assert_eq!(counted(1, "step", "steps"), "1 step");
    }
}
