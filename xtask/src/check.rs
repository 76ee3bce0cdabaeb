//! What a change has to pass, cheapest first.

use anyhow::Result;

use crate::arch;
use crate::cargo::{cargo, succeed};
use crate::parity::Records;
use crate::test::{SCOPE, test_in};

/// The one crate that is looked at a second time, alone: what it makes optional, and without Burn beside it.
const DATA: &[&str] = &["--package", "d2o-data", "--features", "parquet"];

/// Format, architecture, lints, tests, documentation; stops at the first that fails.
pub(crate) fn check() -> Result<()> {
    succeed(&mut cargo(["fmt", "--all", "--check"]))?;
    arch::check()?;
    let records = Records::new()?;
    for scope in [DATA, SCOPE] {
        lint(scope)?;
        test_in(scope, &[], &records)?;
    }
    print!("{}", records.table()?.text());
    let mut documentation = cargo(["doc", "--no-deps"].iter().chain(SCOPE));
    succeed(documentation.env("RUSTDOCFLAGS", "--deny warnings"))
}

fn lint(scope: &[&str]) -> Result<()> {
    let strict = ["--", "--deny", "warnings"];
    succeed(&mut cargo(["clippy", "--all-targets"].iter().chain(scope).chain(&strict)))
}
