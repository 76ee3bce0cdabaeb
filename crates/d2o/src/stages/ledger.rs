//! Which stages of a run directory are done, and from what: `stages.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use d2o_record::durable::{self, at};
use d2o_record::{FileError, digest, seal};

use crate::error::RunError;

/// Name of the file.
pub(super) const FILE: &str = "stages.json";

/// Finished stages with the fingerprints of what they were made from, and files with their digests.
#[derive(Debug)]
pub struct Ledger {
    run: PathBuf,
    entries: BTreeMap<String, String>,
}

impl Ledger {
    /// The ledger of a run directory; empty if there is none yet.
    ///
    /// # Errors
    /// [`RunError::Damaged`] if the file is not as it was written.
    pub fn open(run: &Path) -> Result<Self, RunError> {
        let path = run.join(FILE);
        let entries = match path.exists() {
            true => seal::open(&at(&path, fs::read(&path))?)
                .map_err(|error| RunError::Damaged { path: path.clone(), reason: error.to_string() })?,
            false => BTreeMap::new(),
        };
        Ok(Self { run: run.to_path_buf(), entries })
    }

    /// The ledger of a run that begins anew, whatever its directory holds.
    pub fn empty(run: &Path) -> Self {
        Self { run: run.to_path_buf(), entries: BTreeMap::new() }
    }

    /// Whether `stage` was finished with this fingerprint.
    pub fn is_fresh(&self, stage: &str, fingerprint: &str) -> bool {
        self.entries.get(stage).is_some_and(|known| known == fingerprint)
    }

    /// The first of `files` below the run directory that is not as the stage that wrote it left it.
    ///
    /// # Errors
    /// [`FileError`] for a file that cannot be read.
    pub fn damaged(&self, files: &[&str]) -> Result<Option<PathBuf>, FileError> {
        for file in files {
            let path = self.run.join(file);
            let known = self.entries.get(*file);
            if !path.exists() || known.is_some_and(|known| digest::sha256_file(&path).ok().as_ref() != Some(known)) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Notes that `stage` is done and has left `files` below the run directory.
    ///
    /// # Errors
    /// [`RunError::File`].
    pub fn finish(&mut self, stage: &str, fingerprint: &str, files: &[&str]) -> Result<(), RunError> {
        self.entries.insert(stage.to_owned(), fingerprint.to_owned());
        for file in files {
            self.entries.insert((*file).to_owned(), digest::sha256_file(&self.run.join(file))?);
        }
        Ok(durable::write(&self.run.join(FILE), &seal::pretty(&self.entries))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_fresh_only_with_the_same_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path()).unwrap();
        assert!(!ledger.is_fresh("eval", "a"));
        ledger.finish("eval", "a", &[]).unwrap();
        let again = Ledger::open(dir.path()).unwrap();
        assert!(again.is_fresh("eval", "a"));
        assert!(!again.is_fresh("eval", "b"));
        assert!(!Ledger::empty(dir.path()).is_fresh("eval", "a"));
    }

    #[test]
    fn a_file_that_was_changed_and_a_ledger_that_was_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (figures, path) = (dir.path().join("eval.json"), dir.path().join(FILE));
        fs::write(&figures, "{}").unwrap();
        Ledger::open(dir.path()).unwrap().finish("eval", "a", &["eval.json"]).unwrap();
        let damaged = || Ledger::open(dir.path()).unwrap().damaged(&["eval.json"]).unwrap();
        assert_eq!(damaged(), None);
        fs::write(&figures, "[]").unwrap();
        assert_eq!(damaged(), Some(figures.clone()));
        fs::remove_file(&figures).unwrap();
        assert_eq!(damaged(), Some(figures));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("\"a\"", "\"b\"", 1)).unwrap();
        let error = Ledger::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("stages.json: damaged: its content does not have the recorded digest"), "{error}");
        // From before there were digests.
        fs::write(&path, "{\"eval\": \"a\"}").unwrap();
        assert!(Ledger::open(dir.path()).unwrap().is_fresh("eval", "a"));
    }
}
