//! Time, processor time and memory of this process.

use std::time::Instant;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Measures what passes between two calls of [`lap`](Self::lap).
#[derive(Debug)]
pub struct Meter {
    wall: Instant,
    cpu_s: f64,
}

/// What passed since the last call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lap {
    /// Wall-clock seconds.
    pub wall_s: f64,
    /// Processor seconds over all threads; 0 where the system does not tell.
    pub cpu_s: f64,
}

impl Default for Meter {
    fn default() -> Self {
        Self { wall: Instant::now(), cpu_s: cpu_seconds() }
    }
}

impl Meter {
    /// What passed since the last call, or since the meter was made.
    pub fn lap(&mut self) -> Lap {
        let now = Self::default();
        let lap = Lap { wall_s: (now.wall - self.wall).as_secs_f64(), cpu_s: now.cpu_s - self.cpu_s };
        *self = now;
        lap
    }
}

/// Resident memory, in MiB; 0 where the system does not tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Now.
    pub resident_mib: f64,
    /// At its peak. Outside Unix, where no such record is read, the value of now.
    pub peak_mib: f64,
}

/// Processor seconds of this process so far, user and system, over all threads; 0 where the system does not tell.
#[must_use]
pub fn cpu_seconds() -> f64 {
    usage::cpu_seconds()
}

/// Memory of this process.
#[must_use]
pub fn memory() -> Memory {
    let what = ProcessRefreshKind::nothing().with_memory();
    let resident_mib = of_this_process(what, |process| process.memory() as f64 / MIB).unwrap_or(0.0);
    // The system's record of the peak may lag behind by some pages.
    Memory { resident_mib, peak_mib: usage::peak_mib().max(resident_mib) }
}

const MIB: f64 = 1024.0 * 1024.0;

fn of_this_process(what: ProcessRefreshKind, read: impl Fn(&sysinfo::Process) -> f64) -> Option<f64> {
    let pid = Pid::from_u32(std::process::id());
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    system.process(pid).map(read)
}

/// `getrusage`, which counts microseconds where a process table counts ticks.
#[cfg(unix)]
mod usage {
    use nix::sys::resource::{Usage, UsageWho, getrusage};
    use nix::sys::time::TimeVal;

    use super::MIB;

    fn usage() -> Option<Usage> {
        getrusage(UsageWho::RUSAGE_SELF).ok()
    }

    pub(super) fn cpu_seconds() -> f64 {
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        usage().map_or(0.0, |usage| seconds(usage.user_time()) + seconds(usage.system_time()))
    }

    pub(super) fn peak_mib() -> f64 {
        // Apple's systems count bytes, all others KiB.
        let unit = if cfg!(target_vendor = "apple") { 1.0 } else { 1024.0 };
        usage().map_or(0.0, |usage| usage.max_rss() as f64 * unit / MIB)
    }
}

#[cfg(not(unix))]
mod usage {
    use sysinfo::ProcessRefreshKind;

    pub(super) fn cpu_seconds() -> f64 {
        let what = ProcessRefreshKind::nothing().with_cpu();
        super::of_this_process(what, |process| process.accumulated_cpu_time() as f64 / 1e3).unwrap_or(0.0)
    }

    pub(super) fn peak_mib() -> f64 {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_now_and_at_its_peak() {
        let before = memory();
        assert!(before.resident_mib > 1.0 && before.peak_mib >= before.resident_mib, "{before:?}");
        // Each page is written to, or the system would not give it.
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let with_block = memory();
        drop(block);
        let grown = with_block.resident_mib - before.resident_mib;
        // Other tests of this process may give memory back meanwhile.
        assert!((32.0..512.0).contains(&grown), "{before:?} {with_block:?}");
        assert!(!cfg!(unix) || memory().peak_mib >= with_block.resident_mib - 4.0);
    }

    #[test]
    fn processor_time_passes_with_work() {
        let mut meter = Meter::default();
        let mut x = 1_u64;
        let before = cpu_seconds();
        while cpu_seconds() < before + 0.03 {
            for i in 0..100_000_u64 {
                x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i));
            }
        }
        let lap = meter.lap();
        // All threads of this process count, so that there is no upper bound by the wall clock.
        assert!(lap.cpu_s >= 0.03 && lap.wall_s > 0.0, "{lap:?} {x}");
    }
}
