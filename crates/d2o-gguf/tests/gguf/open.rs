//! Files of the tests' own writer, opened.

use std::path::{Path, PathBuf};

use d2o_gguf::{GgufError, GgufFile};
use d2o_testing::gguf::Writer;
use tempfile::TempDir;

/// Opens what a [`Writer`] holds.
pub(crate) trait Open {
    fn open(&self) -> Result<GgufFile, GgufError>;

    /// Why the file is not opened.
    fn refusal(&self) -> String;
}

impl Open for Writer {
    fn open(&self) -> Result<GgufFile, GgufError> {
        open(&self.bytes())
    }

    fn refusal(&self) -> String {
        refusal(&self.bytes())
    }
}

/// Writes `bytes` to a file and opens it.
pub(crate) fn open(bytes: &[u8]) -> Result<GgufFile, GgufError> {
    let (_dir, path) = written(bytes);
    GgufFile::open(&path)
}

/// Why `bytes` are not opened, without the path, which the message begins with.
pub(crate) fn refusal(bytes: &[u8]) -> String {
    let (_dir, path) = written(bytes);
    let error = GgufFile::open(&path).expect_err("the file should be refused");
    without_path(&error, &path)
}

/// The message after the path that it begins with.
pub(crate) fn without_path(error: &GgufError, path: &Path) -> String {
    let (message, path) = (error.to_string(), path.display().to_string());
    let rest = message.strip_prefix(&path).unwrap_or_else(|| panic!("`{message}` does not begin with the path"));
    rest.trim_start_matches(": ").to_owned()
}

fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, bytes).expect("a written file");
    (dir, path)
}
