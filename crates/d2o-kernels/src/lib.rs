//! How fast can this machine do a few operations, and what is their gradient?
//!
//! Fused operations for Burn. On the processor (feature `flex`) they run on slices, vectorised for the
//! instructions that the machine has and parallel over rows, with the same bits for any number of
//! threads; elsewhere the same functions are compositions of Burn's operations.
//!
//! All `unsafe` code of the workspace is here, each block with its reason.

// The code on slices is compiled everywhere and called only where slices can be had.
#![cfg_attr(not(feature = "flex"), allow(dead_code, unused_imports))]

mod adamw;
#[cfg(all(test, feature = "flex"))]
mod agreement;
pub mod allocator;
mod attention;
mod buffer;
mod gated;
mod half_linear;
mod head;
mod host;
mod level;
mod math;
mod matrix;
mod norm;
#[cfg(feature = "flex")]
mod ops;
mod ragged;
#[cfg(test)]
mod testing;
mod turn;
mod vectors;

pub use adamw::{AdamWStep, adamw, adamw_composed};
pub use attention::{Heads, Span, Spans, span_attention, span_attention_composed};
pub use gated::{swiglu, swiglu_composed};
pub use half_linear::HalfMatrix;
pub use head::{HeadLayout, token_log_probs, token_log_probs_composed};
pub use host::{is_here, is_plain};
pub use level::Level;
pub use norm::{rms_norm, rms_norm_composed};
pub use ragged::{CacheShape, Fresh, RaggedCache, Scoring};
pub use turn::{Angles, rotate, rotate_composed};

/// The README's example, compiled with the crate's tests.
#[cfg(all(doctest, feature = "flex"))]
#[doc = include_str!("../README.md")]
struct Readme;
