//! All tests with one set of features, and a list of those that were left out.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, describe};
use crate::parity::{Records, VARIABLE};

/// What the tests of a first visit compile: the processor's backend alone, and no benchmarks.
pub(crate) const SCOPE: &[&str] = &["--workspace", "--exclude", "d2o-benches"];

/// Environment variable with the backend that tests compute on.
const BACKEND: &str = "D2O_TEST_BACKEND";

/// What tests compute on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    /// What the environment names, the processor where it names nothing.
    Default,
    /// `wgpu`.
    Wgpu,
}

/// Runs the workspace's tests; `args` go to `cargo test`.
pub(crate) fn test(args: &[OsString]) -> Result<()> {
    let records = Records::new()?;
    let tested = test_in(SCOPE, args, Backend::Default, &records);
    print!("{}", records.table()?.text());
    tested
}

/// Runs the tests of some packages; what they compare with reference implementations goes to `records`.
pub(crate) fn test_in(scope: &[&str], args: &[OsString], backend: Backend, records: &Records) -> Result<()> {
    let mut command = cargo(["test"].iter().chain(scope));
    command.args(args).env(VARIABLE, records.path()).stdout(Stdio::piped());
    let line = match backend {
        Backend::Default => describe(&command),
        Backend::Wgpu => format!("{BACKEND}=wgpu {}", describe(command.env(BACKEND, "wgpu"))),
    };
    eprintln!("$ {line}");
    let mut child = command.spawn().with_context(|| format!("cannot run `{line}`"))?;
    let mut skipped = Vec::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            skipped.extend(left_out(&line));
        }
    }
    let status = child.wait()?;
    for test in &skipped {
        eprintln!("left out: {test}");
    }
    if !status.success() {
        bail!("`{line}`: {status}");
    }
    Ok(())
}

/// The test that a line of the test runner reports as ignored, with the reason if it has one.
fn left_out(line: &str) -> Option<String> {
    let (name, reason) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    match reason.strip_prefix(", ") {
        Some(reason) => Some(format!("{name} ({reason})")),
        None => Some(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ignored_tests_are_left_out() {
        assert_eq!(left_out("test a::b ... ignored, needs a GPU").unwrap(), "a::b (needs a GPU)");
        assert_eq!(left_out("test a::b ... ignored").unwrap(), "a::b");
        assert_eq!(left_out("test a::b ... ok"), None);
        assert_eq!(left_out("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured"), None);
    }
}
