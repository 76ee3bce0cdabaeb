//! Running the cells, each in a process of its own; finished ones are not run again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::cells::Cell;
use crate::durable::at;
use crate::error::TrainError;

/// One cell with one seed.
struct Job<'a> {
    cell: &'a Cell,
    seed: u64,
    dir: PathBuf,
}

/// The directory of a cell's run with a seed.
pub fn dir(out: &Path, cell: &Cell, seed: u64) -> PathBuf {
    out.join(&cell.name).join(format!("seed-{seed}"))
}

/// Runs every cell with every seed that has no `eval.json` yet, `jobs` processes at a time; `told` hears of each.
///
/// A cell that fails is told and left out; the others go on.
///
/// # Errors
/// A process that cannot be started; [`TrainError::Interrupted`].
pub fn run(
    out: &Path,
    cells: &[Cell],
    seeds: &[u64],
    jobs: usize,
    interrupt: &AtomicBool,
    mut told: impl FnMut(&str),
) -> Result<(), TrainError> {
    let program = std::env::current_exe();
    let program = at(Path::new("d2o"), program)?;
    let pairs = seeds.iter().flat_map(|&seed| cells.iter().map(move |cell| (cell, seed)));
    let mut waiting: Vec<Job<'_>> = pairs
        .map(|(cell, seed)| Job { cell, seed, dir: dir(out, cell, seed) })
        .filter(|job| !job.dir.join("eval.json").exists())
        .collect();
    let total = waiting.len();
    waiting.reverse();
    let mut running: Vec<(Job<'_>, Child)> = Vec::new();
    let mut done = 0;
    while !(waiting.is_empty() && running.is_empty()) {
        if interrupt.load(Ordering::Relaxed) {
            // The children hear the same signal and write their checkpoints.
            running.iter_mut().for_each(|(_, child)| drop(child.wait()));
            return Err(TrainError::Interrupted { step: done });
        }
        while running.len() < jobs {
            let Some(job) = waiting.pop() else { break };
            let child = start(&program, &job)?;
            running.push((job, child));
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mut still = Vec::with_capacity(running.len());
        for (job, mut child) in running {
            match at(&job.dir, child.try_wait())? {
                None => still.push((job, child)),
                Some(status) => {
                    done += 1;
                    let name = format!("{} seed {}", job.cell.name, job.seed);
                    let ending = if status.success() { String::new() } else { format!(": {status}, see its log.txt") };
                    told(&format!("{done}/{total} {name}{ending}"));
                }
            }
        }
        running = still;
    }
    Ok(())
}

fn start(program: &Path, job: &Job<'_>) -> Result<Child, TrainError> {
    at(&job.dir, std::fs::create_dir_all(&job.dir))?;
    let path = job.dir.join("log.txt");
    let log = at(&path, std::fs::File::create(&path))?;
    let mut command = Command::new(program);
    command.args(["train", "--config", "hearth", "--threads", "1", "--out"]).arg(&job.dir);
    command.arg("--set").arg(format!("seed={}", job.seed));
    for key in &job.cell.set {
        command.arg("--set").arg(key);
    }
    at(program, command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn())
}
