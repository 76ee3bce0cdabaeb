//! `d2o reproduce`: handed on to the program `d2o-lab`, which stands above this one.

use std::path::PathBuf;
use std::process::Command;

use d2o_record::durable::at;

use super::cli::ReproduceArgs;
use crate::error::RunError;

const LAB: &str = "d2o-lab";

/// Runs `d2o-lab` with the same arguments: the one beside this program, or the one on the path.
///
/// # Errors
/// [`RunError::NoLab`] if there is none; [`RunError::Lab`] if it fails.
pub(super) fn reproduce(args: &ReproduceArgs) -> anyhow::Result<()> {
    let program = beside().unwrap_or_else(|| PathBuf::from(LAB));
    let status = match Command::new(&program).args(&args.args).status() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(RunError::NoLab.into()),
        status => at(&program, status)?,
    };
    if status.success() { Ok(()) } else { Err(RunError::Lab { status }.into()) }
}

fn beside() -> Option<PathBuf> {
    let name = format!("{LAB}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::current_exe().ok()?.with_file_name(name);
    path.exists().then_some(path)
}
