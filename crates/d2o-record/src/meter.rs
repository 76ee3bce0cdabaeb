//! Time, processor time and memory of this process.

use std::time::Instant;

/// Measures what passes between two looks.
#[derive(Debug)]
pub struct Meter {
    wall: Instant,
    cpu_s: f64,
}

/// What passed since the last look.
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

/// Processor seconds of this process so far, user and system.
pub fn cpu_seconds() -> f64 {
    // Fields 14 and 15 of /proc/self/stat, in ticks of 1/100 s on Linux; the command's name, field 2,
    // may hold spaces, so count from the closing bracket.
    const TICKS_PER_SECOND: f64 = 100.0;
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return 0.0;
    };
    let Some((_, after_name)) = stat.rsplit_once(')') else {
        return 0.0;
    };
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

/// Resident memory in MiB, now and at its peak; 0 where the system does not tell.
pub fn resident_mib() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024.0)
    };
    (field("VmRSS:").unwrap_or(0.0), field("VmHWM:").unwrap_or(0.0))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn memory_and_processor_time_are_read() {
        let (now, peak) = super::resident_mib();
        assert!(now > 1.0 && peak >= now * 0.5, "{now} {peak}");
        let before = super::cpu_seconds();
        let mut x = 1u64;
        // Enough work for several ticks of a hundredth of a second, whatever the machine.
        while super::cpu_seconds() < before + 0.03 {
            for i in 0..100_000u64 {
                x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i));
            }
        }
        assert!(super::cpu_seconds() > before, "{x}");
    }
}
