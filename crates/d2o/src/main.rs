//! The command `d2o`.

use std::process::ExitCode;

fn main() -> ExitCode {
    d2o::commands::main(std::env::args_os())
}
