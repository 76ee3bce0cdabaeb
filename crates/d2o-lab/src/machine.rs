//! The machine that a comparison ran on, in one line.

use std::thread::available_parallelism;

/// Processor, cores, and how this program was built.
pub fn line() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = processor(&info).unwrap_or(std::env::consts::ARCH);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("{name}, {cores} cores, {}; {build} build of d2o {}", std::env::consts::OS, env!("CARGO_PKG_VERSION"))
}

/// The processor's name as Linux tells it.
fn processor(info: &str) -> Option<&str> {
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_does_not_tell_has_an_architecture() {
        assert_eq!(processor("processor\t: 0\nmodel name\t: Abacus 3\n"), Some("Abacus 3"));
        assert_eq!(processor("processor\t: 0\n"), None);
        assert!(line().contains(" cores, "));
    }
}
