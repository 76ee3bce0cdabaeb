//! The decoder against transformers and against a scalar model written from the definition, against itself
//! in other layouts, and against files that are wrong.

mod adapters;
mod broken;
mod brought;
mod cached;
mod config;
mod export;
mod families;
mod files;
mod forward;
mod golden;
mod gradients;
mod interop;
mod lora;
mod parity;
mod placements;
mod precision;
mod sampling;
mod scalar;
mod tiny;
mod tracking;
mod training;
mod transformers;
