//! `d2o-lab`: the comparison of methods in Hearth.

use std::io::Write;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Parser;
use d2o::commands::{demand, interrupt};
use d2o_record::RunLock;

use crate::claims::Evidence;
use crate::{cells, outcome, page, run, variance};

/// Compare methods in Hearth, and write the page about it.
#[derive(Debug, Parser)]
#[command(name = "d2o-lab", version)]
pub struct ReproduceArgs {
    /// Where the runs go; finished ones are taken over.
    #[arg(long, value_name = "DIR", default_value = "runs/reproduce")]
    pub out: PathBuf,
    /// Seeds, from 1 on.
    #[arg(long, default_value_t = 5)]
    pub seeds: u64,
    /// Processes at a time, one thread each; 0 takes one for each core.
    #[arg(long, default_value_t = 0)]
    pub jobs: usize,
    /// Four methods on few prompts, for continuous integration.
    #[arg(long)]
    pub reduced: bool,
    /// Only cells with one of these names, or whose question is so called; may be given several times.
    #[arg(long = "only", value_name = "CELL")]
    pub only: Vec<String>,
    /// The page to write [default: docs/reproduction.md; of a part, reproduction.md where the runs are].
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
}

/// Runs what is missing and writes the page.
///
/// # Errors
/// Processes that cannot be started, results that cannot be read, an interruption.
pub fn reproduce(args: &ReproduceArgs) -> anyhow::Result<()> {
    let mut cells = if args.reduced { cells::reduced() } else { cells::all() };
    let asked = |cell: &cells::Cell| args.only.iter().any(|name| *name == cell.name || name == cell.group);
    cells.retain(|cell| args.only.is_empty() || asked(cell));
    demand("--only", !cells.is_empty(), "names of cells", args.only.join(", "))?;
    demand("--seeds", args.seeds > 0, "at least 1", args.seeds)?;
    let mut lock = RunLock::directory(&args.out)?;
    lock.accept();
    let seeds: Vec<u64> = (1..=args.seeds).collect();
    let jobs = match args.jobs {
        0 => available_parallelism().map_or(1, usize::from),
        jobs => jobs,
    };
    run::run(&args.out, &cells, &seeds, jobs, interrupt(), |line| {
        // Nobody is left to tell if this fails.
        let _ = writeln!(std::io::stderr(), "{line}");
    })?;
    let collected = outcome::collect(&args.out, &cells, &seeds)?;
    let scatter = variance::over_seeds(&args.out, &cells, &seeds)?;
    // A part must not take the place of the whole comparison.
    let whole = args.only.is_empty() && !args.reduced;
    let beside = if whole { PathBuf::from("docs/reproduction.md") } else { args.out.join("reproduction.md") };
    let path = args.page.clone().unwrap_or(beside);
    page::write(&path, Evidence { collected: &collected, scatter: &scatter }, &seeds)?;
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(())
}
