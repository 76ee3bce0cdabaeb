//! What is noted beside the files of a process: with which settings, how long, and whether it came to its end.

use std::path::Path;

use serde::{Deserialize, Serialize};

use d2o_record::FileError;
use d2o_record::durable;

/// Name of the note in a directory.
const FILE: &str = "process.json";

/// The note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Assignments for `--set`.
    pub(super) set: Vec<String>,
    /// Seconds over all attempts.
    pub(super) seconds: f64,
    /// Whether the last attempt succeeded.
    pub(super) done: bool,
}

impl Record {
    /// The note in `dir`; none if there is none, or one that cannot be read.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(dir.join(FILE)).ok()?).ok()
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`FileError`] naming the file.
    pub(super) fn write(&self, dir: &Path) -> Result<(), FileError> {
        let json = serde_json::to_vec(self).expect("a note is plain data");
        durable::write(&dir.join(FILE), &json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_and_a_torn_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(dir.path()), None);
        let record = Record { set: vec!["seed=1".to_owned()], seconds: 2.5, done: true };
        record.write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()), Some(record));
        std::fs::write(dir.path().join(FILE), "{\"set\"").unwrap();
        assert_eq!(Record::read(dir.path()), None);
    }
}
