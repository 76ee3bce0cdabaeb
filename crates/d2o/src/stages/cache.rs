//! What the base says, kept in the cache: runs that differ only in training ask it once.

use std::fs;

use d2o_record::durable::{self, at};
use d2o_record::{digest, storage};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What `compute` gave under this key before, or gives now; `kind` begins the file's name.
///
/// A file that cannot be read is computed again.
///
/// # Errors
/// Those of `compute`, a cache that cannot be written.
pub fn cached_or_compute<T: Serialize + DeserializeOwned>(
    kind: &str,
    key: &impl Serialize,
    compute: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let dir = d2o_fetch::cache_dir()?.join("measured");
    let path = dir.join(format!("{kind}{}.json", digest::sha256(&serde_json::to_vec(key)?)));
    let kept = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let computed = compute()?;
    at(&dir, storage::create_dir_all(&dir))?;
    at(&path, durable::write_shared(&path, &serde_json::to_vec(&computed)?))?;
    Ok(computed)
}
