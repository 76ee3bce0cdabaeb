//! The devices that were compiled in: the only place that names a backend.

use burn::tensor::Device;
use thiserror::Error;

/// A device that cannot be opened.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The backend is not part of this program.
    #[error("backend `{name}` is not compiled in (this program has: {})", compiled().join(", "))]
    NotCompiled {
        /// What was asked for.
        name: String,
    },
}

impl DeviceError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let Self::NotCompiled { name } = self;
        Some(format!("rebuild with `--features {name}`, or through `cargo xtask train --backend {name}`"))
    }
}

/// The backends that there are, the one that every machine can run first, and whether this program has each.
const BACKENDS: [(&str, bool); 3] =
    [("flex", cfg!(feature = "flex")), ("wgpu", cfg!(feature = "wgpu")), ("cuda", cfg!(feature = "cuda"))];

/// Names of the backends in this program, in the order in which one is chosen.
pub fn compiled() -> Vec<&'static str> {
    BACKENDS.iter().filter(|(_, compiled)| *compiled).map(|(name, _)| *name).collect()
}

/// What computes where nothing else is said: of `flex`, `wgpu` and `cuda` the first that is in this program.
#[must_use]
pub fn default_backend() -> &'static str {
    first_of(&compiled())
}

/// The first of the backends that is among `compiled`. A program without any has the first of all as its default, so
/// that opening it says what to build.
fn first_of(compiled: &[&str]) -> &'static str {
    let names = || BACKENDS.iter().map(|(name, _)| *name);
    names().find(|name| compiled.contains(name)).unwrap_or(BACKENDS[0].0)
}

/// Opens a backend's default device, untracked.
///
/// # Errors
/// [`DeviceError::NotCompiled`].
pub fn open(name: &str) -> Result<Device, DeviceError> {
    match name {
        #[cfg(feature = "flex")]
        "flex" => Ok(Device::flex()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(0)),
        other => Err(DeviceError::NotCompiled { name: other.to_owned() }),
    }
}

/// Limits the processor's threads; 0 takes all. Only the first call in a process counts.
pub fn limit_threads(threads: usize) {
    if threads > 0 {
        // A pool that is already there stays: its size is then what it is.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_first_backend_that_was_compiled_in() {
        for (compiled, default) in [
            (&["flex"][..], "flex"),
            (&["wgpu"], "wgpu"),
            (&["cuda"], "cuda"),
            (&["cuda", "wgpu"], "wgpu"),
            (&["wgpu", "flex"], "flex"),
            (&["cuda", "flex", "wgpu"], "flex"),
            // Nothing to compute on: opening the default names the feature to build with.
            (&[], "flex"),
        ] {
            assert_eq!(first_of(compiled), default, "{compiled:?}");
        }
    }

    #[test]
    fn the_default_opens() {
        assert!(compiled().contains(&default_backend()));
        open(default_backend()).unwrap();
    }

    #[test]
    fn an_absent_backend_is_named_with_the_remedy() {
        let error = open("abacus").unwrap_err();
        assert!(error.to_string().starts_with("backend `abacus` is not compiled in"), "{error}");
        assert!(error.hint().unwrap().contains("--features abacus"));
    }
}
