//! Files of the tests' own writer, opened.

use std::fmt::Display;
use std::path::Path;

use d2o_model::gguf::{GgufError, GgufFile};
use d2o_testing::gguf::Writer;

/// Opens what a [`Writer`] holds.
pub(crate) trait Open {
    fn open(&self) -> Result<GgufFile, GgufError>;
}

impl Open for Writer {
    fn open(&self) -> Result<GgufFile, GgufError> {
        open(&self.bytes())
    }
}

/// Writes `bytes` to a file and opens it.
pub(crate) fn open(bytes: &[u8]) -> Result<GgufFile, GgufError> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, bytes).expect("a written file");
    GgufFile::open(&path)
}

/// The message after the path that it begins with.
pub(crate) fn without_path(error: &impl Display, path: &Path) -> String {
    let (message, path) = (error.to_string(), path.display().to_string());
    let rest = message.strip_prefix(&path).unwrap_or_else(|| panic!("`{message}` does not begin with the path"));
    rest.trim_start_matches(": ").to_owned()
}
