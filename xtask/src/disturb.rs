//! The long versions of the tests that disturb a run: every fault, and many kills.

use anyhow::Result;

use crate::cargo::{cargo, succeed};

/// How often to kill.
#[derive(Debug, clap::Args)]
pub(crate) struct KillsArgs {
    /// Processes that are killed while they run.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// Seed of the moments.
    #[arg(long, default_value_t = 7)]
    seed: usize,
}

/// Every change of the file system fails in turn, in every way (docs/reliability.md).
pub(crate) fn faults() -> Result<()> {
    succeed(cargo(test("faults::")).env("D2O_FAULTS", "all"))
}

/// Kills runs at random moments.
pub(crate) fn kills(args: &KillsArgs) -> Result<()> {
    let mut command = cargo(test("kills::"));
    command.env("D2O_KILLS", args.count.to_string()).env("D2O_KILLS_SEED", args.seed.to_string());
    succeed(&mut command)
}

/// One module of the tests that run the command, and what it prints.
fn test(module: &str) -> [&str; 8] {
    ["test", "--workspace", "--test", "runs", "--", "--nocapture", "--test-threads=1", module]
}
