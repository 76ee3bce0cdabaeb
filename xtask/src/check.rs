//! What a change has to pass, cheapest first.

use std::ffi::OsString;

use anyhow::Result;

use crate::arch;
use crate::cargo::{cargo, succeed};
use crate::interop::interop_if_ready;
use crate::parity::Records;
use crate::seam;
use crate::test::{Backend, SCOPE, test_in};

/// Everything that is optional and can be compiled here: the second backend, downloads from a hub, Parquet.
const ALL: &[&str] = &["--workspace", "--features", "d2o/hub,d2o/wgpu,d2o-testing/wgpu,d2o-data/parquet"];

/// The one crate that is tested a second time, alone: what it makes optional, and without Burn beside it.
const DATA: &[&str] = &["--package", "d2o-data", "--features", "parquet"];

/// What a second backend repeats: test programs that compare with a reference implementation or compute with
/// tensors throughout, and of other programs the modules that do.
const ON_DEVICE: [&[&str]; 2] = [
    &["--test", "golden", "--test", "generation", "--test", "streamed_gradient"],
    &[
        "--test",
        "model",
        "--test",
        "objective",
        "--test",
        "runs",
        "--",
        "backends::",
        "families::",
        "golden::",
        "transformers::",
    ],
];

/// Which checks to leave out.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Leave out what `cargo xtask test` has just run.
    #[arg(long)]
    skip_tests: bool,
}

/// Format, architecture, lints, tests on both backends, types of the third, documentation, packages, and the checks from
/// the other side where their environment is there; stops at the first that fails.
pub(crate) fn check(args: &CheckArgs) -> Result<()> {
    succeed(&mut cargo(["fmt", "--all", "--check"]))?;
    arch::check()?;
    seam::check()?;
    let records = Records::new()?;
    lint(ALL)?;
    if !args.skip_tests {
        test_in(SCOPE, &[], Backend::Default, &records)?;
    }
    test_in(DATA, &[], Backend::Default, &records)?;
    if has_vulkan() {
        for part in ON_DEVICE {
            let part: Vec<OsString> = part.iter().map(OsString::from).collect();
            test_in(ALL, &part, Backend::Wgpu, &records)?;
        }
    } else {
        eprintln!(
            "left out: tests on wgpu (there is no Vulkan driver; on Debian, mesa-vulkan-drivers is one in software)"
        );
    }
    cuda_types()?;
    let mut documentation = cargo(["doc", "--no-deps"].iter().chain(ALL));
    succeed(documentation.env("RUSTDOCFLAGS", "--deny warnings"))?;
    packages()?;
    interop_if_ready()?;
    print!("{}", records.table()?.text());
    Ok(())
}

/// Makes the package of every published crate: what it needs lies inside it, and its metadata are whole. Building
/// from the packages takes a cold build; `cargo package --workspace` does that as well.
fn packages() -> Result<()> {
    let quietly = ["--exclude-lockfile", "--no-verify", "--no-metadata", "--allow-dirty", "--quiet"];
    succeed(&mut cargo(["package", "--workspace"].iter().chain(&quietly)))
}

fn lint(scope: &[&str]) -> Result<()> {
    let strict = ["--", "--deny", "warnings"];
    succeed(&mut cargo(["clippy", "--all-targets"].iter().chain(scope).chain(&strict)))
}

/// Type-checks what only CUDA builds see. With `DOCS_RS` the build scripts below Burn ask for no LLVM, which
/// they would download.
fn cuda_types() -> Result<()> {
    succeed(cargo(["check", "--package", "d2o", "--features", "cuda", "--tests"]).env("DOCS_RS", "1"))
}

/// Whether the Vulkan loader would find a driver: by the variables or places where it looks on Linux, and
/// elsewhere by trying.
fn has_vulkan() -> bool {
    let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].iter().any(|name| std::env::var_os(name).is_some());
    let listed = |place: &&str| std::fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_some());
    !cfg!(target_os = "linux") || named || ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"].iter().any(listed)
}
