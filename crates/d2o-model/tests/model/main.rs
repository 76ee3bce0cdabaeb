//! The decoder against a scalar model written from the definition, against itself in other layouts,
//! and against files that are wrong.

mod broken;
mod cached;
#[path = "../../../../xtask/testing/device.rs"]
#[allow(dead_code, reason = "only the parity table names the backend")]
mod device;
mod export;
mod forward;
mod gradients;
mod lora;
mod placements;
mod scalar;
mod tiny;
mod tracking;
mod training;
mod transformers;
