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

/// Names of the backends in this program.
pub fn compiled() -> Vec<&'static str> {
    vec![
        #[cfg(feature = "flex")]
        "flex",
        #[cfg(feature = "wgpu")]
        "wgpu",
        #[cfg(feature = "cuda")]
        "cuda",
    ]
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
    #[test]
    fn an_absent_backend_is_named_with_the_remedy() {
        let error = super::open("abacus").unwrap_err();
        assert!(error.to_string().starts_with("backend `abacus` is not compiled in"), "{error}");
        assert!(error.hint().unwrap().contains("--features abacus"));
    }
}
