//! Faults on purpose: lets the n-th change of the file system fail, for tests of what is left behind.
//!
//! Compiled in with the feature `fault-injection` only. A test in the same process calls [`during`]; a test that runs a
//! program sets `D2O_FAULT=KIND@N` (the N-th change, from 1) and, to learn which changes there are, `D2O_FAULT_LOG=FILE`.
//!
//! | kind | what happens |
//! |---|---|
//! | `eio` | that one change fails with an I/O error |
//! | `denied` | that one change is not permitted |
//! | `full` | from then on there is no room: files cannot be made or written, names can change and go |
//! | `short` | half of that write arrives, then as `full` |
//! | `crash` | the process ends before the change, without another word |
//! | `torn` | the process ends in the middle of that write |
//! | `power` | the process ends, and half of what was written and not synced is lost |

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard};

use crate::storage::Operation;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An I/O error, once.
    Eio,
    /// No permission, once.
    Denied,
    /// A full disk, from then on.
    Full,
    /// Half a write, then a full disk.
    Short,
    /// The process ends.
    Crash,
    /// The process ends in the middle of a write.
    Torn,
    /// The process ends, and what was not synced is lost by half.
    Power,
}

impl Fault {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("eio", Self::Eio),
        ("denied", Self::Denied),
        ("full", Self::Full),
        ("short", Self::Short),
        ("crash", Self::Crash),
        ("torn", Self::Torn),
        ("power", Self::Power),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, fault)| fault)
    }
}

/// Which fault, at which change, and how many there have been.
#[derive(Clone, Copy, Debug)]
struct Plan {
    fault: Fault,
    at: u64,
    changes: u64,
}

/// What the whole process does.
struct Process {
    plan: Option<Plan>,
    log: Option<fs::File>,
    /// Files written and not synced, with the length that the disk has.
    loose: BTreeMap<PathBuf, u64>,
}

static PROCESS: LazyLock<Mutex<Process>> = LazyLock::new(|| {
    let plan = std::env::var("D2O_FAULT").ok().map(|text| {
        let parsed = text.split_once('@').and_then(|(kind, at)| Some((Fault::named(kind)?, at.parse().ok()?)));
        let (fault, at) = parsed.unwrap_or_else(|| panic!("D2O_FAULT={text}: expected KIND@N"));
        Plan { fault, at, changes: 0 }
    });
    let open = |path| fs::File::options().create(true).append(true).open(path).expect("D2O_FAULT_LOG can be written");
    Mutex::new(Process { plan, log: std::env::var_os("D2O_FAULT_LOG").map(open), loose: BTreeMap::new() })
});

thread_local! {
    /// The plan of a test in this process.
    static LOCAL: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// Does `work` on this thread with a fault at its change number `at`, counted from 1; returns what it gave and how many
/// changes there were.
///
/// # Panics
/// For faults that end the process.
pub fn during<T>(fault: Fault, at: u64, work: impl FnOnce() -> T) -> (T, u64) {
    assert!(!matches!(fault, Fault::Crash | Fault::Torn | Fault::Power), "{fault:?} would end the test");
    LOCAL.set(Some(Plan { fault, at, changes: 0 }));
    let result = work();
    let plan = LOCAL.take().expect("it was set above");
    (result, plan.changes)
}

fn process() -> MutexGuard<'static, Process> {
    PROCESS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Counts a change, and lets it fail if that is planned.
pub(crate) fn strike(operation: Operation, path: &Path) -> io::Result<()> {
    match due(operation, path) {
        None => Ok(()),
        Some(fault) => fail(fault, operation),
    }
}

/// The fault that is due now, if any.
fn due(operation: Operation, path: &Path) -> Option<Fault> {
    if let Some(plan) = LOCAL.take() {
        let plan = Plan { changes: plan.changes + 1, ..plan };
        LOCAL.set(Some(plan));
        return plan.strikes(operation);
    }
    let mut process = process();
    if let Some(log) = &mut process.log {
        let _ = writeln!(log, "{operation:?} {}", path.display());
    }
    let plan = process.plan.as_mut()?;
    plan.changes += 1;
    plan.strikes(operation)
}

impl Plan {
    fn strikes(self, operation: Operation) -> Option<Fault> {
        let needs_room = matches!(operation, Operation::Create | Operation::Write | Operation::CreateDirectory);
        let lasts = matches!(self.fault, Fault::Full | Fault::Short) && self.changes > self.at && needs_room;
        match self.changes == self.at {
            true => Some(self.fault),
            false => lasts.then_some(Fault::Full),
        }
    }
}

fn fail(fault: Fault, operation: Operation) -> io::Result<()> {
    let error = |kind: io::ErrorKind| Err(io::Error::new(kind, "a fault on purpose"));
    match fault {
        Fault::Eio => error(io::ErrorKind::Other),
        Fault::Denied => error(io::ErrorKind::PermissionDenied),
        Fault::Full | Fault::Short if operation == Operation::Remove => Ok(()),
        Fault::Full | Fault::Short => error(io::ErrorKind::StorageFull),
        Fault::Power => lose_power(),
        Fault::Crash | Fault::Torn => std::process::abort(),
    }
}

/// Counts a write; what of `bytes` is to arrive.
pub(crate) fn arriving<'b>(file: &mut fs::File, path: &Path, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
    let half = &bytes[..bytes.len() / 2];
    match due(Operation::Write, path) {
        None => Ok(bytes),
        Some(Fault::Short) if !half.is_empty() => Ok(half),
        Some(Fault::Torn) => {
            let _ = file.write_all(half);
            std::process::abort()
        }
        Some(fault) => fail(fault, Operation::Write).map(|()| bytes),
    }
}

/// Ends the process as a loss of power would: of what was not synced, half is there.
fn lose_power() -> ! {
    for (path, synced) in &process().loose {
        if let Ok(file) = fs::File::options().write(true).open(path)
            && let Ok(metadata) = file.metadata()
        {
            let _ = file.set_len(synced + metadata.len().saturating_sub(*synced) / 2);
        }
    }
    std::process::abort()
}

/// Notes that a file was opened for writing, and what the disk has of it.
pub(crate) fn opened(path: &Path, length: u64) {
    process().loose.insert(path.to_path_buf(), length);
}

/// Notes that the disk has a file up to this length.
pub(crate) fn synced(path: &Path, length: u64) {
    process().loose.insert(path.to_path_buf(), length);
}

/// Notes that a file, or a directory with what is in it, has another name.
pub(crate) fn renamed(from: &Path, to: &Path) {
    let mut process = process();
    let moved: Vec<PathBuf> = process.loose.keys().filter(|path| path.starts_with(from)).cloned().collect();
    for path in moved {
        if let (Some(length), Ok(rest)) = (process.loose.remove(&path), path.strip_prefix(from)) {
            let name = if rest.as_os_str().is_empty() { to.to_path_buf() } else { to.join(rest) };
            process.loose.insert(name, length);
        }
    }
}
