//! Pages that follow from the sources.

use anyhow::Result;

use crate::cargo::{cargo, succeed};

/// Writes `docs/run-file.md`: the test that demands that it is current does so when it is told to.
pub(crate) fn write() -> Result<()> {
    succeed(cargo(["test", "--package", "d2o", "--test", "run_file"]).env("D2O_WRITE_DOCS", "1"))
}
