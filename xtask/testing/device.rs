//! Included by the tests of all crates with `#[path]`: the device that they compute on.

use burn::tensor::{Device, DeviceKind};

/// The backend that `D2O_TEST_BACKEND` names, `flex` where it names none.
pub(crate) fn backend() -> String {
    std::env::var("D2O_TEST_BACKEND").unwrap_or_else(|_| "flex".to_owned())
}

/// Its device, untracked.
pub(crate) fn device() -> Device {
    match backend().as_str() {
        "flex" => Device::flex(),
        "wgpu" => Device::wgpu(DeviceKind::DefaultDevice),
        other => panic!("D2O_TEST_BACKEND={other}: tests know flex and wgpu"),
    }
}
