//! `cargo xtask`: builds with the right features and runs.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod arch;
mod cargo;
mod check;
mod compare;
mod disturb;
mod docs;
mod fuzz;
mod interop;
mod parity;
mod run;
mod seam;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Which command do I type?
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build `d2o` with the backend that is asked for and run `d2o train` (without a configuration, a
    /// model or data of your own: the preset `hearth`).
    Train(Passed),
    /// Build `d2o` and run `d2o fetch`.
    Fetch(Passed),
    /// Build `d2o` and run any of its commands.
    D2o(Passed),
    /// Build `d2o-lab` and compare methods in Hearth, the small synthetic world.
    Reproduce(Passed),
    /// Run all tests, say which were left out, and print how far they were from the reference implementations.
    Test(Passed),
    /// Run the same work in PyTorch and here, in turn, and print ratios.
    Compare(compare::CompareArgs),
    /// Let transformers, PEFT, the `gguf` package and llama.cpp read what `d2o` writes; the first time, install them
    /// in a virtual environment below the target directory (several GB).
    Interop(interop::InteropArgs),
    /// Let every change of the file system fail in turn under every stage of a run, and look whether the same command
    /// goes on to the same bits.
    Faults,
    /// Kill the stages of a run at random moments, and look whether the same command goes on to the same bits.
    Kills(disturb::KillsArgs),
    /// Everything a change has to pass: format, architecture, lints, tests, documentation, packages.
    Check(check::CheckArgs),
    /// Feed hostile bytes to every reader, under libFuzzer (`cargo install cargo-fuzz`).
    Fuzz(fuzz::FuzzArgs),
    /// Write the pages of docs that follow from the sources: docs/run-file.md.
    Docs,
    /// The invariants of docs/architecture.md that the dependency table and the sources show.
    Arch,
}

/// Arguments for somebody else.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
struct Passed {
    /// Handed on as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Train(passed) => run::train(&passed.args),
        Command::Fetch(passed) => run::command("fetch", &passed.args),
        Command::D2o(passed) => run::d2o(&passed.args),
        Command::Reproduce(passed) => run::lab(&passed.args),
        Command::Test(passed) => test::test(&passed.args).map(|()| ExitCode::SUCCESS),
        Command::Compare(args) => compare::compare(&args).map(|()| ExitCode::SUCCESS),
        Command::Interop(args) => interop::interop(&args).map(|()| ExitCode::SUCCESS),
        Command::Faults => disturb::faults().map(|()| ExitCode::SUCCESS),
        Command::Kills(args) => disturb::kills(&args).map(|()| ExitCode::SUCCESS),
        Command::Check(args) => check::check(&args).map(|()| ExitCode::SUCCESS),
        Command::Fuzz(args) => fuzz::fuzz(&args).map(|()| ExitCode::SUCCESS),
        Command::Docs => docs::write().map(|()| ExitCode::SUCCESS),
        Command::Arch => arch::check().and_then(|()| seam::check()).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn flags_of_others_are_handed_on() {
        Cli::command().debug_assert();
        let words = ["xtask", "train", "--backend", "cuda", "--help", "--set=seed=1"];
        let Command::Train(passed) = Cli::parse_from(words).command else {
            panic!("`train` is the command train");
        };
        assert_eq!(passed.args, words[2..]);
    }
}
