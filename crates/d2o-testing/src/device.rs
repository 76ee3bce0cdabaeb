//! The device that tests compute on.

use burn::tensor::Device;

/// The backend that `D2O_TEST_BACKEND` names, `flex` where it names none.
pub fn backend() -> String {
    std::env::var("D2O_TEST_BACKEND").unwrap_or_else(|_| "flex".to_owned())
}

/// Its device, untracked.
///
/// # Panics
/// If the variable names a backend that is not compiled in.
pub fn device() -> Device {
    match backend().as_str() {
        "flex" => Device::flex(),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        other => panic!("D2O_TEST_BACKEND={other}: tests know flex and, with `--features d2o-testing/wgpu`, wgpu"),
    }
}
