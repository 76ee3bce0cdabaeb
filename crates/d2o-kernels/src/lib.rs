//! How fast can this machine do a few operations, and what is their gradient?
//!
//! Fused operations for Burn. On the processor (feature `flex`) they run on slices, vectorised for the
//! instructions that the machine has and parallel over rows, with the same bits for any number of
//! threads; elsewhere the same functions are compositions of Burn's operations.
//!
//! All `unsafe` code of the workspace is here, each block with its reason.

mod buffer;
mod half_linear;
mod host;
mod level;
mod math;
mod ragged;
#[cfg(test)]
mod testing;

pub use half_linear::HalfMatrix;
pub use host::is_plain;
pub use level::Level;
pub use ragged::{CacheShape, Fresh, RaggedCache, Scoring};
