//! The checks from the other side: transformers, PEFT, the `gguf` package and llama.cpp read what `d2o` writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::cargo::{cargo, describe, root, succeed};

/// The checks, each a script `xtask/python/interop_NAME.py`.
const CHECKS: [&str; 6] = ["families", "directories", "adapters", "gguf", "smollm2", "llama_cpp"];

/// What a script exits with when it lacks something.
const LEFT_OUT: i32 = 77;

/// How the checks are run.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct InteropArgs {
    /// Run these checks only: families, directories, adapters, gguf, smollm2, llama_cpp.
    #[arg(value_parser = CHECKS)]
    checks: Vec<String>,
    /// A `d2o` that is there, instead of building one.
    #[arg(long, value_name = "PROGRAM")]
    d2o: Option<PathBuf>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    LeftOut,
}

/// Installs the environment unless it is there, builds `d2o`, and runs the checks.
pub(crate) fn interop(args: &InteropArgs) -> Result<()> {
    let environment = Environment::below(&target()?);
    if !environment.is_ready() {
        environment.install()?;
    }
    environment.run(args)
}

/// The same for `cargo xtask check`: only where the environment is there already.
pub(crate) fn interop_if_ready() -> Result<()> {
    let environment = Environment::below(&target()?);
    if environment.is_ready() {
        return environment.run(&InteropArgs::default());
    }
    eprintln!("left out: interop (no environment in {}; `cargo xtask interop` makes it)", environment.dir.display());
    Ok(())
}

/// The environment's Python, installed unless it is there.
pub(crate) fn python() -> Result<PathBuf> {
    let environment = Environment::below(&target()?);
    if !environment.is_ready() {
        environment.install()?;
    }
    Ok(environment.python())
}

/// The workspace's target directory.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf())
}

fn scripts() -> PathBuf {
    root().join("xtask").join("python")
}

/// A virtual environment of Python with the pinned packages.
struct Environment {
    dir: PathBuf,
    /// Where the checks write.
    work: PathBuf,
}

impl Environment {
    fn below(target: &Path) -> Self {
        Self { dir: target.join("interop").join("venv"), work: target.join("interop").join("work") }
    }

    fn python(&self) -> PathBuf {
        let (folder, name) = if cfg!(windows) { ("Scripts", "python.exe") } else { ("bin", "python") };
        self.dir.join(folder).join(name)
    }

    /// The list of packages that was installed last, as it was.
    fn installed(&self) -> PathBuf {
        self.dir.join("installed-requirements.txt")
    }

    /// Whether what is installed is what is asked for.
    fn is_ready(&self) -> bool {
        let read = |path: &Path| fs::read(path).ok();
        let wanted = read(&scripts().join("requirements.txt"));
        wanted.is_some() && read(&self.installed()) == wanted
    }

    fn install(&self) -> Result<()> {
        eprintln!("installing several GB of Python packages into {}", self.dir.display());
        let python = if cfg!(windows) { "python" } else { "python3" };
        succeed(Command::new(python).args(["-m", "venv"]).arg(&self.dir))?;
        let requirements = scripts().join("requirements.txt");
        succeed(Command::new(self.python()).args(["-m", "pip", "install", "--requirement"]).arg(&requirements))?;
        // Written last: an environment without it is not whole.
        fs::copy(&requirements, self.installed())
            .with_context(|| format!("cannot write below {}", self.dir.display()))?;
        Ok(())
    }

    fn run(&self, args: &InteropArgs) -> Result<()> {
        let d2o = match &args.d2o {
            Some(program) => program.canonicalize().with_context(|| format!("no {}", program.display()))?,
            None => build()?,
        };
        let chosen = |name: &&str| args.checks.is_empty() || args.checks.iter().any(|check| check == name);
        let mut verdicts = Vec::new();
        for name in CHECKS.into_iter().filter(chosen) {
            verdicts.push((name, self.check(name, &d2o)?));
        }
        summarise(&verdicts)
    }

    fn check(&self, name: &str, d2o: &Path) -> Result<Verdict> {
        let script = scripts().join(format!("interop_{name}.py"));
        let mut command = Command::new(self.python());
        command.arg(&script).arg("--d2o").arg(d2o).arg("--work").arg(self.work.join(name));
        // Nothing is fetched behind our back.
        command.envs([("HF_HUB_OFFLINE", "1"), ("TRANSFORMERS_OFFLINE", "1"), ("PYTHONDONTWRITEBYTECODE", "1")]);
        eprintln!("$ {}", describe(&command));
        let status = command.status().with_context(|| format!("cannot run {}", script.display()))?;
        Ok(match status.code() {
            Some(0) => Verdict::Passed,
            Some(LEFT_OUT) => Verdict::LeftOut,
            _ => Verdict::Failed,
        })
    }
}

/// The program as the tests build it.
fn build() -> Result<PathBuf> {
    succeed(&mut cargo(["build", "--package", "d2o", "--bin", "d2o"]))?;
    Ok(target()?.join("debug").join(format!("d2o{}", std::env::consts::EXE_SUFFIX)))
}

/// Says how each check ended; fails if one failed.
fn summarise(verdicts: &[(&str, Verdict)]) -> Result<()> {
    for (name, verdict) in verdicts {
        let said = match verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::LeftOut => "left out",
        };
        eprintln!("interop {name}: {said}");
    }
    let failed: Vec<&str> = verdicts.iter().filter(|(_, v)| *v == Verdict::Failed).map(|(name, _)| *name).collect();
    if failed.is_empty() { Ok(()) } else { bail!("interop failed: {}", failed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_script() {
        for name in CHECKS {
            assert!(scripts().join(format!("interop_{name}.py")).exists(), "{name}");
        }
    }

    #[test]
    fn an_environment_is_ready_when_its_list_is_the_one_asked_for() {
        let dir = std::env::temp_dir().join(format!("xtask-interop-{}", std::process::id()));
        let environment = Environment::below(&dir);
        fs::create_dir_all(&environment.dir).unwrap();
        let before = environment.is_ready();
        fs::copy(scripts().join("requirements.txt"), environment.installed()).unwrap();
        let after = environment.is_ready();
        fs::write(environment.installed(), "torch==0.1\n").unwrap();
        let changed = environment.is_ready();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!((before, after, changed), (false, true, false));
    }

    #[test]
    fn one_failure_fails_all_and_what_is_left_out_does_not() {
        assert!(summarise(&[("a", Verdict::Passed), ("b", Verdict::LeftOut)]).is_ok());
        let error = summarise(&[("a", Verdict::Passed), ("b", Verdict::Failed)]).unwrap_err();
        assert_eq!(error.to_string(), "interop failed: b");
    }
}
