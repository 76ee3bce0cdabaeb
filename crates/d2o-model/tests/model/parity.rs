//! One line for each comparison with something trusted, for `cargo xtask test` to collect.

/// The backend that the tests compute on.
pub(crate) const BACKEND: &str = "flex";

/// Prints `parity`, family, quantity, tolerance, worst difference and backend, tab-separated, and fails
/// if the difference is beyond the tolerance.
///
/// # Panics
/// If `worst` is not below `tolerance`, or no number.
#[expect(clippy::print_stdout, reason = "the parity table is made of these lines")]
pub(crate) fn report(family: &str, quantity: &str, tolerance: f64, worst: f64) {
    println!("parity\t{family}\t{quantity}\t{tolerance:e}\t{worst:.1e}\t{BACKEND}");
    assert!(worst < tolerance, "{family}, {quantity}: {worst:e} is not below {tolerance:e}");
}

/// The largest difference between two lists of one length.
pub(crate) fn worst(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()), "a value is not finite");
    found.iter().zip(expected).map(|(&found, expected)| (f64::from(found) - expected).abs()).fold(0.0, f64::max)
}
