//! What every objective must satisfy: its equation, the identities, the gradients, the limits.

mod config;
#[path = "../../../../xtask/testing/device.rs"]
mod device;
mod equations;
mod golden;
mod gradients;
mod guards;
mod identities;
mod limits;
#[path = "../../../../xtask/testing/parity.rs"]
mod parity;
mod sample;
mod streaming;
