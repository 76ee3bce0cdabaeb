//! Building `d2o` in release, with the backend that the arguments ask for, and running it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use crate::cargo::{cargo, root, succeed};

/// What a run without any choice runs.
const DEFAULT_PRESET: &str = "hearth";

/// The command, package and program alike.
pub(crate) const D2O: &str = "d2o";

/// What compares methods.
const LAB: &str = "d2o-lab";

/// `d2o train ARGS`.
pub(crate) fn train(args: &[OsString]) -> Result<ExitCode> {
    let mut args = args.to_vec();
    if !chooses(&args) {
        args.splice(0..0, ["--config".into(), DEFAULT_PRESET.into()]);
    }
    command("train", &args)
}

/// `d2o NAME ARGS`.
pub(crate) fn command(name: &str, args: &[OsString]) -> Result<ExitCode> {
    let args: Vec<OsString> = std::iter::once(name.into()).chain(args.iter().cloned()).collect();
    d2o(&args)
}

/// `d2o ARGS`, in the caller's directory and with its exit code.
pub(crate) fn d2o(args: &[OsString]) -> Result<ExitCode> {
    let program = built(D2O, backend(args).as_deref())?;
    become_program(Command::new(&program).args(args)).with_context(|| format!("cannot run {}", program.display()))
}

/// `d2o-lab ARGS`: the comparison of methods.
pub(crate) fn lab(args: &[OsString]) -> Result<ExitCode> {
    let program = built(LAB, None)?;
    become_program(Command::new(&program).args(args)).with_context(|| format!("cannot run {}", program.display()))
}

/// A program, built in release with the backend.
pub(crate) fn built(name: &str, backend: Option<&str>) -> Result<PathBuf> {
    let mut build = cargo(["build", "--release", "--package", name, "--bin", name]);
    if let Some(backend) = backend {
        build.args(["--features", backend]);
    }
    succeed(&mut build)?;
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let directory = metadata.target_directory.join("release");
    Ok(directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)).into_std_path_buf())
}

/// Turns into the program, so that Ctrl-C reaches it alone and the terminal waits for its last checkpoint.
#[cfg(unix)]
fn become_program(program: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    Err(program.exec().into())
}

/// Runs the program to its end, where a process cannot turn into another.
#[cfg(not(unix))]
fn become_program(program: &mut Command) -> Result<ExitCode> {
    let code = program.status()?.code();
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// Whether the arguments say what to train, or name a directory with a run to go on with.
fn chooses(args: &[OsString]) -> bool {
    let said = |name| value(args, name).is_some();
    let resumes = value(args, "--out").is_some_and(|dir| Path::new(&dir).join("run.toml").exists());
    let help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    said("--config") || said("--model") || said("--negatives") || resumes || help
}

/// The backend in `--backend NAME` or `--set device.backend=NAME`; the former wins, as in `d2o`.
fn backend(args: &[OsString]) -> Option<String> {
    let flag = value(args, "--backend").map(|name| name.to_string_lossy().into_owned());
    flag.or_else(|| {
        let settings = values(args, "--set");
        let last = settings.iter().rev().find_map(|setting| setting.to_str()?.strip_prefix("device.backend="));
        last.map(|name| name.trim_matches(['"', '\'']).to_owned())
    })
}

fn value(args: &[OsString], name: &str) -> Option<OsString> {
    values(args, name).pop()
}

/// The values of `name VALUE` and `name=VALUE`, in order.
fn values(args: &[OsString], name: &str) -> Vec<OsString> {
    let mut found = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == OsStr::new(name) {
            found.extend(rest.next().cloned());
        } else if let Some(value) = arg.to_str().and_then(|arg| arg.strip_prefix(name)?.strip_prefix('=')) {
            found.push(value.into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn the_backend_follows_the_arguments() {
        assert_eq!(backend(&args("--out x")), None);
        assert_eq!(backend(&args("--backend cuda --out x")).unwrap(), "cuda");
        assert_eq!(backend(&args("--backend=wgpu")).unwrap(), "wgpu");
        assert_eq!(backend(&args("--set seed=1 --set device.backend='cuda'")).unwrap(), "cuda");
        assert_eq!(backend(&args("--set device.backend=cuda --backend wgpu")).unwrap(), "wgpu");
        // A flag without its value is for d2o to complain about.
        assert_eq!(backend(&args("--backend")), None);
    }

    #[test]
    fn a_run_of_ones_own_keeps_the_preset_away() {
        assert!(!chooses(&args("")));
        assert!(!chooses(&args("--out runs/none --backend cuda --set seed=1")));
        for line in ["--config a.toml", "--config=smollm2-pyrit", "--model m", "--negatives n.jsonl", "--help"] {
            assert!(chooses(&args(line)), "{line}");
        }
    }

    #[test]
    fn a_directory_with_a_run_is_a_choice() {
        let dir = std::env::temp_dir().join(format!("xtask-run-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let line = args(&format!("--out {}", dir.display()));
        assert!(!chooses(&line));
        std::fs::write(dir.join("run.toml"), "").unwrap();
        let resumes = chooses(&line);
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(resumes);
    }
}
