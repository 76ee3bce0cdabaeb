//! The command `d2o`.

use std::process::ExitCode;

use clap::Parser;
use d2o_kernels::allocator;
use crate::commands::cli::{BenchCommand, Cli, Command};
use crate::commands::{bench, report_error, export, generate, hearth, pretrain, reproduce, runs, score};

fn main() -> ExitCode {
    allocator::keep_memory();
    let done = match Cli::parse().command {
        Command::Train(args) => runs::train(&args),
        Command::Prepare(args) => runs::prepare(&args),
        Command::Anchors(args) => runs::anchors(&args),
        Command::Eval(args) => runs::eval(&args),
        Command::Report(args) => runs::report(&args),
        Command::Fetch(args) => runs::fetch(&args),
        Command::Presets => runs::list_presets(),
        Command::Generate(args) => generate::generate(&args),
        Command::Score(args) => score::score(&args),
        Command::Pretrain(args) => pretrain::pretrain(&args),
        Command::Hearth(command) => hearth::hearth(&command),
        Command::Reproduce(args) => reproduce::reproduce(&args),
        Command::Export(args) => export::export(&args),
        Command::Bench(BenchCommand::Step(args)) => bench::step(&args),
        Command::Bench(BenchCommand::Generate(args)) => bench::generate(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_error(&error, &mut std::io::stderr()),
    }
}
