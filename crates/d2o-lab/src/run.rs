//! Running the cells, each in a process of its own; what is finished is not run again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use d2o::error::RunError;
use d2o_record::durable::at;
use d2o_record::storage;

use crate::cells::{Cell, LOOK_EVERY, MAIN};
use crate::record::Record;

/// What makes this program the command `d2o`.
pub const AS_D2O: &str = "d2o";

/// The directory of a cell's run with a seed.
pub fn dir(out: &Path, cell: &Cell, seed: u64) -> PathBuf {
    out.join(&cell.name).join(format!("seed-{seed}"))
}

/// The directory of the anchors that a cell shares with others of the same seed.
pub fn store(out: &Path, cell: &Cell, seed: u64) -> PathBuf {
    out.join("anchors").join(cell.store()).join(format!("seed-{seed}"))
}

/// One process.
struct Job {
    name: String,
    command: &'static str,
    dir: PathBuf,
    /// What it leaves behind when it is done, below `dir`.
    leaves: &'static str,
    set: Vec<String>,
}

impl Job {
    /// Draws what a cell and its like train on.
    fn store(out: &Path, cell: &Cell, seed: u64) -> Self {
        let mut set = cell.drawn_by();
        set.push(format!("seed={seed}"));
        let name = format!("anchors of {} seed {seed}", cell.name);
        Self { name, command: "anchors", dir: store(out, cell, seed), leaves: "anchors/manifest.json", set }
    }

    fn cell(out: &Path, cell: &Cell, seed: u64) -> Self {
        let anchors = toml::Value::String(store(out, cell, seed).join("anchors").to_string_lossy().into_owned());
        let mut set =
            vec![format!("seed={seed}"), format!("anchors.store={anchors}"), format!("eval.look_every={LOOK_EVERY}")];
        set.extend(cell.set.iter().cloned());
        let name = format!("{} seed {seed}", cell.name);
        Self { name, command: "train", dir: dir(out, cell, seed), leaves: "eval.json", set }
    }

    fn is_done(&self) -> bool {
        let same = Record::read(&self.dir).is_some_and(|record| record.done && record.set == self.set);
        same && self.dir.join(self.leaves).exists()
    }

    /// Starts the process; what another configuration has left is thrown away.
    fn start(&self, program: &Path) -> Result<Child, RunError> {
        if Record::read(&self.dir).is_some_and(|record| record.set != self.set) {
            at(&self.dir, storage::remove_dir_all(&self.dir))?;
        }
        at(&self.dir, storage::create_dir_all(&self.dir))?;
        let path = self.dir.join("log.txt");
        let log = at(&path, std::fs::File::create(&path))?;
        let mut command = Command::new(program);
        command.args([AS_D2O, self.command, "--config", "hearth", "--threads", "1", "--out"]).arg(&self.dir);
        for key in &self.set {
            command.arg("--set").arg(key);
        }
        Ok(at(program, command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn())?)
    }

    /// Adds the seconds that it took to those of earlier attempts.
    fn note(&self, seconds: f64, done: bool) -> Result<(), RunError> {
        let before = Record::read(&self.dir).map_or(0.0, |record| record.seconds);
        Ok(Record { set: self.set.clone(), seconds: before + seconds, done }.write(&self.dir)?)
    }
}

/// Draws each anchor store that is missing, then runs every cell with every seed that is not done yet, `jobs`
/// processes at a time; `told` hears of each.
///
/// A process that fails is told and left out; the others go on. Cells of the first seed come first.
///
/// # Errors
/// A process that cannot be started; [`RunError::Interrupted`].
pub fn run(
    out: &Path,
    cells: &[Cell],
    seeds: &[u64],
    jobs: usize,
    interrupt: &AtomicBool,
    mut told: impl FnMut(&str),
) -> Result<(), RunError> {
    let each = |job: fn(&Path, &Cell, u64) -> Job| {
        let all = seeds.iter().flat_map(|&seed| cells.iter().map(move |cell| job(out, cell, seed)));
        all.filter(|job| !job.is_done()).collect::<Vec<Job>>()
    };
    let mut stores = each(Job::store);
    stores.sort_by(|a, b| a.dir.cmp(&b.dir));
    stores.dedup_by(|a, b| a.dir == b.dir);
    pool(stores, jobs, interrupt, &mut told)?;
    let (first, rest): (Vec<Job>, Vec<Job>) =
        each(Job::cell).into_iter().partition(|job| job.dir == out.join(MAIN).join("seed-1"));
    // The base is asked once, by the first run; the others read its answers from the cache.
    pool(first, 1, interrupt, &mut told)?;
    pool(rest, jobs, interrupt, &mut told)
}

fn pool(
    mut waiting: Vec<Job>,
    jobs: usize,
    interrupt: &AtomicBool,
    told: &mut impl FnMut(&str),
) -> Result<(), RunError> {
    let program = std::env::current_exe();
    let program = at(Path::new("d2o"), program)?;
    let total = waiting.len();
    waiting.reverse();
    let mut running: Vec<(Job, Child, Instant)> = Vec::new();
    let mut done = 0;
    while !(waiting.is_empty() && running.is_empty()) {
        if interrupt.load(Ordering::Relaxed) {
            // The children hear the same signal and write their checkpoints.
            for (job, mut child, began) in running {
                at(&job.dir, child.wait())?;
                job.note(began.elapsed().as_secs_f64(), false)?;
            }
            return Err(RunError::Interrupted { done, total, unit: "runs" });
        }
        while running.len() < jobs {
            let Some(job) = waiting.pop() else { break };
            let child = job.start(&program)?;
            running.push((job, child, Instant::now()));
        }
        std::thread::sleep(Duration::from_millis(20));
        let mut still = Vec::with_capacity(running.len());
        for (job, mut child, began) in running {
            match at(&job.dir, child.try_wait())? {
                None => still.push((job, child, began)),
                Some(status) => {
                    done += 1;
                    job.note(began.elapsed().as_secs_f64(), status.success())?;
                    let ending = if status.success() { String::new() } else { format!(": {status}, see its log.txt") };
                    told(&format!("{done}/{total} {}{ending}", job.name));
                }
            }
        }
        running = still;
    }
    Ok(())
}
