//! Which stages of a run directory are done, and from what: `stages.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use d2o_record::durable::{self, at};

use crate::error::RunError;

/// Finished stages and the fingerprints of what they were made from.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    stages: BTreeMap<String, String>,
}

impl Ledger {
    /// The ledger of a run directory; empty if there is none yet.
    ///
    /// # Errors
    /// [`RunError::Damaged`] if the file is not a table of fingerprints.
    pub fn open(run: &Path) -> Result<Self, RunError> {
        let path = run.join("stages.json");
        let stages = if path.exists() {
            let bytes = at(&path, fs::read(&path))?;
            serde_json::from_slice(&bytes)
                .map_err(|error| RunError::Damaged { path: path.clone(), reason: error.to_string() })?
        } else {
            BTreeMap::new()
        };
        Ok(Self { path, stages })
    }

    /// Whether `stage` was finished with this fingerprint.
    pub fn is_fresh(&self, stage: &str, fingerprint: &str) -> bool {
        self.stages.get(stage).is_some_and(|known| known == fingerprint)
    }

    /// Notes that `stage` is done.
    ///
    /// # Errors
    /// [`RunError::File`].
    pub fn finish(&mut self, stage: &str, fingerprint: &str) -> Result<(), RunError> {
        self.stages.insert(stage.to_owned(), fingerprint.to_owned());
        let json = serde_json::to_vec_pretty(&self.stages).expect("a table of strings");
        Ok(durable::write(&self.path, &json)?)
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn a_stage_is_fresh_only_with_the_same_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path()).unwrap();
        assert!(!ledger.is_fresh("eval", "a"));
        ledger.finish("eval", "a").unwrap();
        let again = Ledger::open(dir.path()).unwrap();
        assert!(again.is_fresh("eval", "a"));
        assert!(!again.is_fresh("eval", "b"));
    }
}
