//! What is compiled in: Hearth's base model, and the texts that follow from its grammar.
//!
//! Loaders read files, so these are written below the cache directory when they are first asked for.

use std::fs;
use std::path::{Path, PathBuf};

use d2o_datasets::hearth::{BASE_MODEL, Grammar, Hearth};

use crate::error::FetchError;
use d2o_record::{digest, durable, storage};

/// Its name in references.
const HEARTH: &str = "hearth";

/// Rows of the embedded negatives and pairs: sixteen for each kind of request.
pub(super) const ROWS: usize = 1632;

/// The directory of the model `builtin:hearth`.
pub(super) fn model(name: &str, cache: &Path) -> Result<PathBuf, FetchError> {
    if name != HEARTH {
        let reason = "the embedded model is `builtin:hearth`";
        return Err(FetchError::Malformed { reference: format!("builtin:{name}"), reason });
    }
    let digest = digest::sha256(&BASE_MODEL.map(|(_, bytes)| digest::sha256(bytes)).concat().into_bytes());
    let dir = cache.join("builtin").join(format!("{HEARTH}-{}", &digest[..12]));
    for (name, bytes) in BASE_MODEL {
        write(&dir.join(name), bytes)?;
    }
    Ok(dir)
}

/// The file `builtin:hearth/NAME`.
pub(super) fn file(name: &str, cache: &Path) -> Result<PathBuf, FetchError> {
    let text = name.strip_prefix("hearth/").and_then(|name| Hearth::new(Grammar::embedded(), 0).text(name, ROWS));
    let Some(text) = text else {
        let reason = "embedded data are builtin:hearth/negatives, /held_out, /instructed, /pairs-00, /pairs-10, /pairs-20, /pairs-34";
        return Err(FetchError::Malformed { reference: format!("builtin:{name}"), reason });
    };
    let path = cache.join("builtin").join(format!("{}.jsonl", name.replace('/', "-")));
    write(&path, text.as_bytes())?;
    Ok(path)
}

/// Writes a file that is not there yet or is not as it should be.
fn write(path: &Path, bytes: &[u8]) -> Result<(), FetchError> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    let done = path.parent().map_or(Ok(()), storage::create_dir_all);
    crate::error::at(path, done)?;
    durable::write_shared(path, bytes).map_err(|source| FetchError::Io { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use d2o_data::{LoadOptions, load_negatives};

    use super::*;

    #[test]
    fn the_model_is_written_once_and_mended() {
        let cache = tempfile::tempdir().unwrap();
        let dir = model("hearth", cache.path()).unwrap();
        let weights = dir.join("model.safetensors");
        let length = fs::metadata(&weights).unwrap().len();
        assert!(length <= 2_500_000, "{length}");
        fs::write(&weights, "torn").unwrap();
        assert_eq!(model("hearth", cache.path()).unwrap(), dir);
        assert_eq!(fs::metadata(&weights).unwrap().len(), length);
        assert!(matches!(model("other", cache.path()), Err(FetchError::Malformed { .. })));
    }

    #[test]
    fn the_texts_are_those_of_hearth() {
        let cache = tempfile::tempdir().unwrap();
        for name in ["negatives", "pairs-34"] {
            let path = file(&format!("hearth/{name}"), cache.path()).unwrap();
            assert_eq!(load_negatives(&path, &LoadOptions::default()).unwrap().len(), ROWS);
        }
        assert!(file("hearth/pairs-35", cache.path()).is_err());
    }
}
