//! What tests compare with a reference implementation, as lines of a table that `cargo xtask test` prints.

use std::fs::OpenOptions;
use std::io::Write;

/// Checks of one model family on one backend.
#[derive(Debug, Clone)]
pub struct Parity {
    family: String,
    backend: String,
}

impl Parity {
    /// Checks of `family` on `backend`.
    #[must_use]
    pub fn new(family: &str, backend: &str) -> Self {
        Self { family: family.to_owned(), backend: backend.to_owned() }
    }

    /// Demands that `worst` is at most `tolerance`. Where `D2O_PARITY_DIR` names a directory, the check is
    /// written there first, as a line `parity⇥family⇥quantity⇥tolerance⇥worst⇥backend`.
    ///
    /// # Panics
    /// If the difference is larger, or the line cannot be written.
    #[track_caller]
    pub fn check(&self, quantity: &str, tolerance: f64, worst: f64) {
        let Self { family, backend } = self;
        if let Some(directory) = std::env::var_os("D2O_PARITY_DIR") {
            let line = format!("parity\t{family}\t{quantity}\t{tolerance:e}\t{worst:e}\t{backend}\n");
            let path = std::path::Path::new(&directory).join(format!("{}.tsv", std::process::id()));
            let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the directory is there");
            // One write a line, so that lines of parallel tests stay whole.
            file.write_all(line.as_bytes()).expect("the line is written");
        }
        assert!(worst <= tolerance, "{family} on {backend}: {quantity} is off by {worst:e}, allowed {tolerance:e}");
    }
}

/// The largest `|a − b|`, infinite where one of them is not a number.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn worst_absolute(found: &[f64], expected: &[f64]) -> f64 {
    worst(found, expected, |_| 1.0)
}

/// The largest `|a − b| / max(1, |b|)`.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn worst_relative(found: &[f64], expected: &[f64]) -> f64 {
    worst(found, expected, |expected| expected.abs().max(1.0))
}

fn worst(found: &[f64], expected: &[f64], unit: impl Fn(f64) -> f64) -> f64 {
    assert_eq!(found.len(), expected.len());
    let off = |(found, expected): (&f64, &f64)| {
        let off = (found - expected).abs() / unit(*expected);
        if off.is_nan() { f64::INFINITY } else { off }
    };
    found.iter().zip(expected).map(off).fold(0.0, f64::max)
}
