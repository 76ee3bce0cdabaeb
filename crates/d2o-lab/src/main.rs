//! The command `d2o-lab`: compares methods in Hearth.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use d2o_lab::command::{ReproduceArgs, reproduce};
use d2o_lab::run::AS_D2O;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    // A cell is a run of the command `d2o`, which this program is as well.
    if args.get(1).is_some_and(|word| word == AS_D2O) {
        return d2o::commands::main(args.into_iter().skip(1));
    }
    match reproduce(&ReproduceArgs::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => d2o::commands::report_error(&error, &mut std::io::stderr()),
    }
}
