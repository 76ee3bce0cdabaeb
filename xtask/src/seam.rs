//! Files are changed in one place: nothing but `d2o-record/src/storage.rs` asks the system for it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cargo::root;

/// Sources that change files themselves, and why.
const MAY: [(&str, &str); 5] = [
    ("d2o-record/src/storage.rs", "it is that place"),
    ("d2o-record/src/fault.rs", "it makes that place fail"),
    ("d2o-record/src/lock.rs", "a lock is an open file, and goes with it"),
    ("d2o-fetch/src/cache.rs", "likewise"),
    ("d2o-lab/src/run.rs", "a process writes its own log"),
];

/// What changes files, by the standard library's names.
const CHANGES: [&str; 8] = [
    "fs::write(",
    "fs::rename(",
    "fs::remove_",
    "fs::create_dir",
    "fs::copy(",
    "OpenOptions",
    "fs::File::create(",
    "fs::File::options(",
];

/// The same where the standard library's `File` is imported.
const CHANGES_OF_FILE: [&str; 2] = ["File::create(", "File::options("];

/// Fails with a list of all places that change files and are not allowed to.
pub(crate) fn check() -> Result<()> {
    let mut found = Vec::new();
    for source in sources(&root().join("crates"))? {
        let name = source.strip_prefix(root().join("crates"))?.to_string_lossy().replace('\\', "/");
        let shared_by_tests =
            name.starts_with("d2o-testing/") || name.ends_with("/tests.rs") || name.ends_with("/fixture.rs");
        if !shared_by_tests && !MAY.iter().any(|(may, _)| *may == name) {
            let lines = changes(&std::fs::read_to_string(&source)?);
            found.extend(lines.into_iter().map(|line| format!("crates/{name}:{line}")));
        }
    }
    if !found.is_empty() {
        bail!("files are changed elsewhere than in d2o-record/src/storage.rs:\n  {}", found.join("\n  "));
    }
    Ok(())
}

/// All sources of the crates, without their tests and examples.
fn sources(crates: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(crates)? {
        open.push(entry?.path().join("src"));
    }
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The lines of a source that change files, from 1, up to its tests.
fn changes(text: &str) -> Vec<usize> {
    let of_std = |line: &&str| line.starts_with("use std::fs::") && line.contains("File");
    let file_is_std = text.lines().any(|line| of_std(&line));
    let code = text.lines().take_while(|line| *line != "#[cfg(test)]");
    let changes = |line: &str| {
        let holds = |word: &&str| line.contains(*word);
        !line.trim_start().starts_with("//")
            && (CHANGES.iter().any(|word| holds(word) && !line.contains("storage::"))
                || file_is_std && CHANGES_OF_FILE.iter().any(holds))
    };
    code.enumerate().filter(|(_, line)| changes(line)).map(|(index, _)| index + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_found_where_they_are() {
        assert_eq!(changes("use std::fs;\nfs::read(a);\nfs::write(a, b);\n#[cfg(test)]\nfs::write(a, b);"), [3]);
        assert_eq!(changes("use std::fs::{self, File};\nFile::open(a);\nlet a = File::create(b);"), [3]);
        assert!(changes("use d2o_record::storage::File;\nFile::create(b);\n// fs::write(").is_empty());
    }

    #[test]
    fn those_that_may_are_there() {
        assert!(MAY.iter().all(|(name, why)| root().join("crates").join(name).exists() && !why.is_empty()));
    }
}
