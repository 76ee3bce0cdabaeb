//! What the base says, kept in the cache: runs that differ only in training ask it once.

use std::fs;

use serde::Serialize;
use serde::de::DeserializeOwned;

use d2o_train::durable::{self, at};
use crate::fetch;

/// What `ask` said under this key before, or now; `kind` begins the file's name.
///
/// A file that cannot be read is asked for again.
///
/// # Errors
/// Those of `ask`, a cache that cannot be written.
pub fn cached_or_compute<T: Serialize + DeserializeOwned>(
    kind: &str,
    key: &impl Serialize,
    ask: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let dir = fetch::cache_dir()?.join("measured");
    let path = dir.join(format!("{kind}{}.json", durable::sha256(&serde_json::to_vec(key)?)));
    let kept = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(said) = kept {
        return Ok(said);
    }
    let said = ask()?;
    at(&dir, fs::create_dir_all(&dir))?;
    durable::write_shared(&path, &serde_json::to_vec(&said)?)?;
    Ok(said)
}
