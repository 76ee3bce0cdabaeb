//! Fuzz targets under libFuzzer.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, root, succeed};

/// Megabytes that an input may make a target use.
const MEMORY_MB: usize = 2048;

/// Seconds that an input may take.
const TIMEOUT_S: usize = 10;

/// Which targets, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArgs {
    /// Targets; all without any.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs targets one after another; the first finding ends it and lies below `fuzz/artifacts`.
pub(crate) fn fuzz(args: &FuzzArgs) -> Result<()> {
    let fuzz = root().join("fuzz");
    let known = names(&fuzz.join("targets"))?;
    if let Some(unknown) = args.targets.iter().find(|target| !known.contains(target)) {
        bail!("there is no target `{unknown}`; there are {}", known.join(", "));
    }
    let chosen = if args.targets.is_empty() { &known } else { &args.targets };
    for target in chosen {
        let corpus = fuzz.join("corpus").join(target);
        std::fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        // libFuzzer instruments by a flag that only nightly compilers take without being told to.
        let mut command = cargo(["fuzz", "run", "--features", "libfuzzer", "--sanitizer", "none"]);
        command.env("RUSTC_BOOTSTRAP", "1").current_dir(root()).arg(target).arg(&corpus);
        command
            .args(["seeds", "failures"].map(|folder| fuzz.join(folder).join(target)).iter().filter(|dir| dir.exists()));
        command.arg("--").args([
            format!("-max_total_time={}", args.seconds),
            format!("-rss_limit_mb={MEMORY_MB}"),
            format!("-malloc_limit_mb={MEMORY_MB}"),
            format!("-timeout={TIMEOUT_S}"),
            "-print_final_stats=1".to_owned(),
        ]);
        succeed(&mut command).context("`cargo install cargo-fuzz` brings the command that this needs")?;
    }
    Ok(())
}

/// The targets, by their programs.
fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}
