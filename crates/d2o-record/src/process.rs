//! Processes of this machine.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Whether a process with this number runs on this machine.
pub(crate) fn lives(process: u32) -> bool {
    started(process).is_some()
}

/// When the process with this number began, in seconds since 1970; nothing if there is none.
pub(crate) fn started(process: u32) -> Option<u64> {
    let pid = Pid::from_u32(process);
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, ProcessRefreshKind::nothing());
    system.process(pid).map(sysinfo::Process::start_time)
}

/// The name of this machine, as far as the system tells.
pub(crate) fn host() -> String {
    System::host_name().unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_the_last_number_does_not() {
        assert!(lives(std::process::id()));
        assert!(!lives(u32::MAX));
        assert!(!host().is_empty());
    }
}
