//! One line for each comparison with something trusted, for `cargo xtask test` to collect.

use d2o_testing::device::backend;
use d2o_testing::parity::Parity;

/// Notes family, quantity, tolerance, worst difference and backend, and fails if the difference is beyond
/// the tolerance.
///
/// # Panics
/// If `worst` is not at most `tolerance`, or no number.
#[track_caller]
pub(crate) fn report(family: &str, quantity: &str, tolerance: f64, worst: f64) {
    Parity::new(family, &backend()).check(quantity, tolerance, worst);
}

/// The largest difference between two lists of one length.
pub(crate) fn worst(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()), "a value is not finite");
    found.iter().zip(expected).map(|(&found, expected)| (f64::from(found) - expected).abs()).fold(0.0, f64::max)
}
