#![doc = include_str!("../README.md")]
// The code on slices is compiled everywhere and called only where slices can be had.
#![cfg_attr(not(feature = "flex"), allow(dead_code, unused_imports))]

mod adamw;
#[cfg(all(test, feature = "flex"))]
mod agreement;
pub mod allocator;
mod attention;
mod bf16_matrix;
mod cpu;
#[cfg(feature = "flex")]
mod flex;
mod gated;
mod head;
mod host;
mod linear;
mod norm;
mod ragged;
mod rotary;
mod spans;
#[cfg(test)]
mod testing;
mod weight;

pub use adamw::{adamw, adamw_composed};
pub use attention::{span_attention, span_attention_composed};
pub use bf16_matrix::{Bf16Matrix, Packed};
pub use cpu::adamw::AdamWStep;
pub use cpu::level::Level;
pub use cpu::matrix::WeightLayout;
pub use cpu::rotary::RotaryTables;
pub use gated::{swiglu, swiglu_composed};
pub use head::{token_log_probs, token_log_probs_composed};
pub use host::{is_on_cpu, is_untracked_on_cpu};
pub use linear::{linear, linear_composed};
pub use norm::{rms_norm, rms_norm_composed};
pub use ragged::{CacheShape, Fresh, RaggedCache, Scoring};
pub use rotary::{rotary_embedding, rotary_embedding_composed};
pub use spans::{Heads, Span, Spans};
pub use weight::{Weight, WeightForm};
